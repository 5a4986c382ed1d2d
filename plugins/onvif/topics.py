"""Topics: which of camd's states ONVIF's clients hear of, under which names, and as what XML.

Every topic here is a property: something that is, and whose changes are told. So each is a state of camd's,
and each bool and number that a plugin publishes under one of these names is an event of ONVIF.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from camd.state import Value

from .configurations import MOTION_RULE
from .names import CONCRETE_SET
from .xml import Xml, tag

Items = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """path: below tns1. source, data: names and types of the SimpleItems; of the data there is one."""

    path: str
    source: Items
    data: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Property:
    """One thing that is true or false, or has a number. source: the values of the topic's items; camera: the
    id of the one it is about, "" for the machine."""

    topic: Topic
    source: tuple[str, ...]
    camera: str = ""


_TOKEN, _BOOL, _STR = "tt:ReferenceToken", "xs:boolean", "xs:string"
_SOURCE: Items = (("Source", _TOKEN),)
_RULE: Items = (
    ("VideoSourceConfigurationToken", _TOKEN),
    ("VideoAnalyticsConfigurationToken", _TOKEN),
    ("Rule", _STR),
)
MOTION_ALARM = Topic("VideoSource/MotionAlarm", _SOURCE, ("State", _BOOL))
CELL_MOTION = Topic("RuleEngine/CellMotionDetector/Motion", _RULE, ("IsMotion", _BOOL))
TAMPER = Topic("RuleEngine/TamperDetector/Tamper", _SOURCE, ("State", _BOOL))
SCENE_CHANGE = Topic("VideoSource/GlobalSceneChange/ImagingService", _SOURCE, ("State", _BOOL))
PROCESSOR_USAGE = Topic("Monitoring/ProcessorUsage", (("Token", _TOKEN),), ("Value", "xs:float"))
DIGITAL_INPUT = Topic("Device/Trigger/DigitalInput", (("InputToken", _TOKEN),), ("LogicalState", _BOOL))
TOPICS = (MOTION_ALARM, CELL_MOTION, TAMPER, SCENE_CHANGE, PROCESSOR_USAGE, DIGITAL_INPUT)

#: State of a camera -> topics. Recorders differ in which of two they know, so both are sent.
_OF_CAMERA = {"motion": (MOTION_ALARM, CELL_MOTION), "tampering": (TAMPER, SCENE_CHANGE)}
#: What states must be watched for them.
WATCHED = ("cameras/", "inputs/", "system/cpu_total")


def properties(name: str) -> Iterator[Property]:
    """The properties that a state is, by its name: "cameras/cam1/motion" is two."""
    first, _, rest = name.partition("/")
    if first == "cameras":
        camera, _, state = rest.partition("/")
        for topic in _OF_CAMERA.get(state, ()):
            yield Property(topic, _about(topic, camera), camera)
    elif first == "inputs" and "/" not in rest:
        yield Property(DIGITAL_INPUT, (rest,))
    elif name == "system/cpu_total":
        yield Property(PROCESSOR_USAGE, ("Processor",))


def _about(topic: Topic, camera: str) -> tuple[str, ...]:
    if topic.source is _RULE:
        return f"VideoSourceConfig_{camera}", f"Analytics_{camera}", MOTION_RULE
    return (f"VideoSource_{camera}",)


def worth(topic: Topic, value: Value) -> str | None:
    """A state's value as the topic writes it; None for one that says nothing."""
    if value is None:
        return None
    if topic.data[1] == _BOOL:
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, int | float) else None


def message(about: Property, value: str, operation: str, moment: str) -> Xml:
    """A wsnt:NotificationMessage. operation: Initialized, Changed or Deleted; moment: xs:dateTime."""
    topic = about.topic
    source = [tag("tt:SimpleItem", Name=name, Value=item)
              for (name, _), item in zip(topic.source, about.source, strict=True)]  # fmt: skip
    return tag(
        "wsnt:NotificationMessage",
        tag("wsnt:Topic", f"tns1:{topic.path}", Dialect=CONCRETE_SET),
        tag("wsnt:Message", tag(
            "tt:Message", tag("tt:Source", source),
            tag("tt:Data", tag("tt:SimpleItem", Name=topic.data[0], Value=value)),
            UtcTime=moment, PropertyOperation=operation,
        )),
    )  # fmt: skip


def topic_set(topics: Iterable[Topic]) -> Xml:
    """The tree of these topics, each with the description of its messages."""
    tree: dict[str, dict] = {}
    for topic in topics:
        *branches, leaf = topic.path.split("/")
        at = tree
        for branch in branches:
            at = at.setdefault(branch, {})
        at[leaf] = {"": topic}
    return tag("wstop:TopicSet", [_node(f"tns1:{name}", below) for name, below in tree.items()])


def _node(name: str, below: dict) -> Xml:
    topic = below.get("")
    if topic is None:
        return tag(name, [_node(child, deeper) for child, deeper in below.items()])
    described = tag(
        "tt:MessageDescription",
        tag("tt:Source", _described(topic.source)),
        tag("tt:Data", _described((topic.data,))),
        IsProperty=True,
    )
    return tag(name, {"wstop:topic": True}, described)


def _described(items: Items) -> list[Xml]:
    return [tag("tt:SimpleItemDescription", Name=name, Type=kind) for name, kind in items]
