"""The Analytics service (tan): motion detection as the one rule and the one module that a camera has.

They are there as long as something (the plugin `motion`) detects motion. Their parameters are shown; zones
and sensitivity are set on camd's page, for ONVIF's cells say less than they do.
"""

from __future__ import annotations

from .access import Access
from .cameras import CameraView
from .configurations import MOTION_MODULE, MOTION_RULE, motion_module, motion_rule
from .faults import Fault, invalid
from .names import qualified
from .operation import Answer, Call, Service, operation
from .xml import Xml, tag

_RULE, _MODULE = "tt:CellMotionDetector", "tt:CellMotionEngine"
_SCHEMA = "http://www.onvif.org/ver10/schema/onvif.xsd"


class Analytics(Service):
    """Rules and modules."""

    prefix = "tan"
    path = "analytics_service"

    def capabilities(self) -> Xml:
        return tag("tan:Capabilities", RuleSupport=True, AnalyticsModuleSupport=True,
                   CellBasedSceneDescriptionSupported=False, RuleOptionsSupported=False,
                   AnalyticsModuleOptionsSupported=False, SupportedMetadata=False)  # fmt: skip

    @operation("GetSupportedRules", Access.READ_MEDIA)
    def supported_rules(self, call: Call) -> Answer:
        camera = self._camera(call)
        return tag("tan:SupportedRules", _rule_description() if camera.has_motion else None, Limit=0)

    @operation("GetRules", Access.READ_MEDIA)
    def rules(self, call: Call) -> Answer:
        return motion_rule("tan:Rule", self._camera(call))

    @operation("GetRuleOptions", Access.READ_MEDIA)
    def rule_options(self, call: Call) -> Answer:
        self._camera(call)
        return None

    @operation("GetSupportedAnalyticsModules", Access.READ_MEDIA)
    def supported_modules(self, call: Call) -> Answer:
        camera = self._camera(call)
        return tag(
            "tan:SupportedAnalyticsModules", _module_description() if camera.has_motion else None, Limit=0
        )

    @operation("GetAnalyticsModules", Access.READ_MEDIA)
    def modules(self, call: Call) -> Answer:
        return motion_module("tan:AnalyticsModule", self._camera(call))

    @operation("GetAnalyticsModuleOptions", Access.READ_MEDIA)
    def module_options(self, call: Call) -> Answer:
        self._camera(call)
        return None

    @operation("CreateRules", Access.ACTUATE)
    @operation("CreateAnalyticsModules", Access.ACTUATE)
    def create(self, call: Call) -> Answer:
        self._camera(call)
        raise Fault("a camera has one of them", "ter:Action", "ter:TooManyRules", sender=False)

    @operation("DeleteRules", Access.ACTUATE)
    @operation("DeleteAnalyticsModules", Access.ACTUATE)
    def delete(self, call: Call) -> Answer:
        camera = self._camera(call)
        names = call.texts("tan:RuleName") + call.texts("tan:AnalyticsModuleName")
        if camera.has_motion and set(names) <= {MOTION_RULE, MOTION_MODULE}:
            raise invalid("it goes when nothing detects motion any more", "ter:ConfigurationConflict")
        raise invalid("there is none of this name", "ter:RuleNotExistent")

    @operation("ModifyRules", Access.ACTUATE)
    @operation("ModifyAnalyticsModules", Access.ACTUATE)
    async def modify(self, call: Call) -> Answer:
        """Takes the sensitivity; the rest must be ours and stays."""
        camera = self._camera(call)
        for element in (*call.all("tan:Rule"), *call.all("tan:AnalyticsModule")):
            if not camera.has_motion or element.get("Name") not in (MOTION_RULE, MOTION_MODULE):
                raise invalid("there is none of this name", "ter:RuleNotExistent")
            for item in element.iter(qualified("tt:SimpleItem")):
                sensitivity = camera.observable("motion/sensitivity")
                if item.get("Name") == "Sensitivity" and sensitivity is not None:
                    value = item.get("Value") or ""
                    if not value.isdigit():
                        raise invalid("Sensitivity is a whole number", "ter:InvalidRule")
                    await self.context.set({sensitivity.name: int(value)}, call)
        return None

    def _camera(self, call: Call) -> CameraView:
        return self.context.directory.find("Analytics", call.needed("tan:ConfigurationToken"), call.by)


def _rule_description() -> Answer:
    items = {"MinCount": "xs:integer", "AlarmOnDelay": "xs:integer", "AlarmOffDelay": "xs:integer",
             "ActiveCells": "xs:base64Binary"}  # fmt: skip
    source = ("VideoSourceConfigurationToken", "VideoAnalyticsConfigurationToken")
    return (
        tag("tt:RuleContentSchemaLocation", _SCHEMA),
        tag(
            "tt:RuleDescription",
            tag("tt:Parameters", _described(items)),
            tag(
                "tt:Messages",
                tag(
                    "tt:Source",
                    _described({**dict.fromkeys(source, "tt:ReferenceToken"), "Rule": "xs:string"}),
                ),
                tag("tt:Data", _described({"IsMotion": "xs:boolean"})),
                tag("tt:ParentTopic", "tns1:RuleEngine/CellMotionDetector/Motion"),
                IsProperty=True,
            ),
            Name=_RULE,
            fixed=True,
            maxInstances=1,
        ),
    )


def _module_description() -> Answer:
    return (
        tag("tt:AnalyticsModuleContentSchemaLocation", _SCHEMA),
        tag(
            "tt:AnalyticsModuleDescription",
            tag("tt:Parameters", _described({"Sensitivity": "xs:integer"}),
                tag("tt:ElementItemDescription", Name="Layout", Type="tt:CellLayout")),
            Name=_MODULE, fixed=True, maxInstances=1,
        ),
    )  # fmt: skip


def _described(items: dict[str, str]) -> list[Xml]:
    return [tag("tt:SimpleItemDescription", Name=name, Type=kind) for name, kind in items.items()]
