"""Routes: the one tree of both sites. The route with the longest path that fits answers, else the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twisted.web.resource import IResource, Resource

from ..errors import Invalid
from ..hookspecs import Route
from .redirect import Redirect
from .request import Request

_Names = tuple[bytes, ...]
#: Stands for the second name of a path, whatever that is: "/cam/{id}/whep".
_ANY = b"{id}"


class Routes(Resource):
    """Finds the route of a request. Reactor thread only.

    admit(route, request): the route's resource, or what stands in its way. page: answers where there is
    no route. base_path: is taken away where a proxy left it in.
    """

    def __init__(self, admit: Callable[[Route, Request], IResource], page: IResource):
        super().__init__()
        self.base_path = ""
        self._admit = admit
        self._page = page
        self._routes: dict[_Names, Route] = {}
        self._depth = 0

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes.values())

    def add(self, route: Route) -> None:
        """Serve a route; raises Invalid if its path is taken."""
        names = _names(route.path)
        if names in self._routes:
            raise Invalid(route.path, "this path is taken")
        self._routes[names] = route
        self._depth = max(self._depth, len(names))

    def remove(self, path: str) -> None:
        """Serve it no longer."""
        self._routes.pop(_names(path), None)

    def getChildWithDefault(self, path: bytes, request: Request) -> IResource:
        names = (path, *request.postpath)
        if self.base_path:
            base = _names(self.base_path)
            if names == base:
                return Redirect(self.base_path + "/")
            if names[: len(base)] == base:
                names = names[len(base) :]
                request.prepath[:], request.postpath[:] = names[:1], names[1:]
        for length in range(min(len(names), self._depth), 0, -1):
            route = self._routes.get(names[:length])
            if route is None and length > 2:
                route = self._routes.get((names[0], _ANY, *names[2:length]))
            if route is not None:
                request.prepath += names[1:length]
                del request.postpath[: length - 1]
                return self._admit(route, request)
        return self._page.getChildWithDefault(names[0], request)


def _names(path: str) -> _Names:
    return tuple(path.strip("/").encode().split(b"/"))
