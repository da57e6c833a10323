"""A trial's request on a cluster with several kinds of GPU: a share of any kind, which is that kind's own.

Ray has no request with alternatives. So a trial asks for its share on each kind at once. The first that has room is
taken, and the others are withdrawn. No cell waits for one kind while another has room, or for a kind that was lost.
"""

import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import ray
from ray import tune
from ray.air.execution import PlacementGroupResourceManager
from ray.air.execution.resources import ResourceRequest
from ray.air.execution.resources.placement_group import PlacementGroupAcquiredResources
from ray.tune.execution import tune_controller

from tune.planning.gpu_kind import on_kind
from tune.planning.resources import Share

SETTLED = 1.0
"""Seconds after which Ray has made a placement group, or it waits for room. One that is removed in the milliseconds in
which Ray makes it can keep Ray from making any other: https://github.com/ray-project/ray/issues/64693."""


class OnAnyKind(tune.PlacementGroupFactory):
    """A request whose bundles are alternatives, one for each kind of GPU, the preferred one first."""


class AnyKindManager(PlacementGroupResourceManager):
    """Ray's resource manager, which also fulfils requests with alternatives.

    Each alternative has a placement group for each trial that waits, and for each withdrawal in the last second. Those
    serve the next trials.
    """

    def __init__(self, update_interval_s: float = 0.1) -> None:
        super().__init__(update_interval_s)
        self._withdrawn: dict[ResourceRequest, deque[float]] = defaultdict(deque)
        """The times at which they were withdrawn."""

    def request_resources(self, resource_request: ResourceRequest) -> None:
        for alternative in alternatives(resource_request):
            if self._withdrawn[alternative]:
                self._withdrawn[alternative].popleft()
            else:
                super().request_resources(alternative)

    def cancel_resource_request(self, resource_request: ResourceRequest) -> None:
        for alternative in alternatives(resource_request):
            self._withdrawn[alternative].append(time.monotonic())

    def has_resources_ready(self, resource_request: ResourceRequest) -> bool:
        self._remove_withdrawn()
        return any(super(AnyKindManager, self).has_resources_ready(one) for one in alternatives(resource_request))

    def acquire_resources(self, resource_request: ResourceRequest) -> PlacementGroupAcquiredResources | None:
        """The first alternative that is ready; the others are withdrawn."""
        possible = alternatives(resource_request)
        for index, alternative in enumerate(possible):
            if (acquired := super().acquire_resources(alternative)) is not None:
                for other in possible[:index] + possible[index + 1 :]:
                    self.cancel_resource_request(other)
                return acquired
        return None

    def clear(self) -> None:
        if self.get_resource_futures() and ray.is_initialized():
            time.sleep(SETTLED)
        super().clear()

    def _remove_withdrawn(self) -> None:
        for alternative, times in self._withdrawn.items():
            while times and times[0] < time.monotonic() - SETTLED:
                times.popleft()
                super().cancel_resource_request(alternative)


def alternatives(request: ResourceRequest) -> list[ResourceRequest]:
    """What may fulfil the request."""
    if not isinstance(request, OnAnyKind):
        return [request]
    return [tune.PlacementGroupFactory([bundle]) for bundle in request.bundles]


def request(shares: Mapping[str, Share]) -> tune.PlacementGroupFactory:
    """The request of a trial with these shares by kind of GPU."""
    bundles = [{"CPU": cpus, "GPU": gpus, **on_kind(kind)} for kind, (cpus, gpus) in shares.items()]
    return tune.PlacementGroupFactory(bundles) if len(bundles) == 1 else OnAnyKind(bundles)


@contextmanager
def any_kind() -> Iterator[None]:
    """Ray Tune with :class:`AnyKindManager`; its controller takes a manager, but ``Tuner`` cannot pass one on."""
    own = tune_controller.PlacementGroupResourceManager
    tune_controller.PlacementGroupResourceManager = AnyKindManager  # type: ignore[misc]
    try:
        yield
    finally:
        tune_controller.PlacementGroupResourceManager = own  # type: ignore[misc]
