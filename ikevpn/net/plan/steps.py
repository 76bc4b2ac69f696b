"""What to change on the host: a plan is a tuple of steps, applied from first to last and undone from last to first.

A step is a value that knows its inverse. Both are idempotent; applying tells whether the step is ours to undo, because
what was there before us stays.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network
from typing import Protocol, runtime_checkable

from ikevpn.net.kernel.inward import Fate, Pair
from ikevpn.net.kernel.rtnetlink import Interface, Kernel, Route, RouteKind
from ikevpn.net.kernel.rule import Rule, RuleAction

Record = dict[str, str | int]


@runtime_checkable
class Step(Protocol):
    """One change. Steps compare by value and can be hashed."""

    @property
    def place(self) -> Hashable:
        """What only one step can be in force for: a later one at the same place replaces an earlier one."""
        ...

    def apply(self, kernel: Kernel) -> bool:
        """Change the host; False where somebody else has done so already. Raises HostError."""
        ...

    def renew(self, kernel: Kernel) -> bool:
        """Change it again where it has vanished since, and say whether it had. Raises HostError."""
        ...

    def undo(self, kernel: Kernel) -> None:
        """Change it back; nothing happens where it is gone already. Raises HostError."""
        ...

    def record(self) -> Record:
        """The step as JSON; `read_step` is the inverse."""
        ...


Plan = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class SetLinkUp:
    """A device is up."""

    device: str

    @property
    def place(self) -> Hashable:
        return self.device

    def apply(self, kernel: Kernel) -> bool:
        was_up = kernel.is_up(self.device)
        if not was_up:
            kernel.set_link(self.device, up=True)
        return not was_up

    def renew(self, kernel: Kernel) -> bool:
        return self.apply(kernel)

    def undo(self, kernel: Kernel) -> None:
        if self.device in kernel.device_names().values():
            kernel.set_link(self.device, up=False)

    def record(self) -> Record:
        return {"step": "link", "device": self.device}


@dataclass(frozen=True, slots=True)
class AddAddress:
    """A device has an address."""

    device: str
    address: Interface

    @property
    def place(self) -> Hashable:
        return self.device, self.address

    def apply(self, kernel: Kernel) -> bool:
        return kernel.add_address(self.device, self.address)

    def renew(self, kernel: Kernel) -> bool:
        return kernel.add_address(self.device, self.address)

    def undo(self, kernel: Kernel) -> None:
        kernel.delete_address(self.device, self.address)

    def record(self) -> Record:
        return {"step": "address", "device": self.device, "address": str(self.address)}


@dataclass(frozen=True, slots=True)
class AddRoute:
    """A route exists; one of `RouteKind` other than unicast keeps traffic from leaving at all."""

    route: Route

    def __str__(self) -> str:
        return f"route {self.route}"

    @property
    def group(self) -> Hashable:
        """What all routes have in common that go when their device does."""
        return self.route.device, self.route.network.version, self.route.table

    @property
    def place(self) -> Hashable:
        return self.route.place

    @property
    def way(self) -> Hashable:
        """Where it leads; either of two that lead to the same serves the owners of both.

        Two tunnels on one device may want one route called from different addresses of this host.
        """
        return self.route.device, self.route.gateway, self.route.kind

    def apply(self, kernel: Kernel) -> bool:
        return kernel.add_route(self.route)

    def renew(self, kernel: Kernel) -> bool:
        return kernel.renew_route(self.route)

    def undo(self, kernel: Kernel) -> None:
        kernel.delete_route(self.route)

    def record(self) -> Record:
        route = self.route
        return {
            "step": "route",
            "network": str(route.network),
            "device": route.device,
            "gateway": str(route.gateway or ""),
            "source": str(route.source or ""),
            "metric": route.metric,
            "mtu": route.mtu,
            "kind": str(route.kind),
            "table": route.table,
            "mtu_locked": int(route.mtu_locked),
        }


@dataclass(frozen=True, slots=True)
class AddRule:
    """A rule says which table of routes counts for some packets. None replaces another."""

    rule: Rule

    def __str__(self) -> str:
        return f"rule {self.rule}"

    @property
    def place(self) -> Hashable:
        return self.rule

    def apply(self, kernel: Kernel) -> bool:
        kernel.add_rule(self.rule)
        return True  # at our preferences nothing is anybody else's

    def renew(self, kernel: Kernel) -> bool:
        return kernel.add_rule(self.rule)

    def undo(self, kernel: Kernel) -> None:
        kernel.delete_rule(self.rule)

    def record(self) -> Record:
        rule = self.rule
        return {
            "step": "rule",
            "version": rule.version,
            "preference": rule.preference,
            "action": str(rule.action),
            "target": rule.target,
            "remote": str(rule.remote or ""),
            "protocol": rule.protocol,
            "local_port": rule.local_port,
            "remote_port": rule.remote_port,
            "mark": rule.mark,
            "own": int(rule.own),
        }


@dataclass(frozen=True, slots=True)
class AddPair:
    """Packets of a pair of networks that come in the clear meet the pair's fate."""

    pair: Pair

    @property
    def place(self) -> Hashable:
        return self.pair

    def apply(self, kernel: Kernel) -> bool:
        kernel.packets.add_pair(self.pair)
        return True  # nobody else's is in our table

    def renew(self, kernel: Kernel) -> bool:
        kernel.packets.add_pair(self.pair)
        return False  # the table itself is watched

    def undo(self, kernel: Kernel) -> None:
        kernel.packets.delete_pair(self.pair)

    def record(self) -> Record:
        pair = self.pair
        return {
            "step": "pair",
            "fate": str(pair.fate),
            "remote": str(pair.remote),
            "local": str(pair.local),
            "protocol": pair.protocol,
            "remote_port": pair.remote_port,
            "local_port": pair.local_port,
        }


@dataclass(frozen=True, slots=True)
class AddTunnelDevice:
    """What comes out of a device came out of a tunnel, and is no packet in the clear."""

    device: str

    @property
    def place(self) -> Hashable:
        return "tunnel device", self.device

    def apply(self, kernel: Kernel) -> bool:
        kernel.packets.add_device(self.device)
        return True

    def renew(self, kernel: Kernel) -> bool:
        kernel.packets.add_device(self.device)
        return False

    def undo(self, kernel: Kernel) -> None:
        kernel.packets.delete_device(self.device)

    def record(self) -> Record:
        return {"step": "tunnel device", "device": self.device}


def read_step(record: Record) -> Step:
    """The step of a record. Raises KeyError or ValueError where it is none of ours."""
    text = {key: str(value) for key, value in record.items()}
    match text["step"]:
        case "link":
            return SetLinkUp(text["device"])
        case "address":
            return AddAddress(text["device"], ip_interface(text["address"]))
        case "route":
            return AddRoute(
                Route(
                    network=ip_network(text["network"]),
                    device=text["device"],
                    gateway=ip_address(text["gateway"]) if text["gateway"] else None,
                    source=ip_address(text["source"]) if text["source"] else None,
                    metric=int(text["metric"]),
                    mtu=int(text["mtu"]),
                    kind=RouteKind(text["kind"]),
                    table=int(text["table"]),
                    mtu_locked=bool(int(text["mtu_locked"])),
                )
            )
        case "rule":
            return AddRule(_read_rule(text))
        case "pair":
            networks = ip_network(text["remote"]), ip_network(text["local"])
            services = (int(text[name]) for name in ("protocol", "remote_port", "local_port"))
            return AddPair(Pair(Fate(text["fate"]), *networks, *services))
        case "tunnel device":
            return AddTunnelDevice(text["device"])
    raise ValueError(f"there is no step {text['step']}")


def _read_rule(text: dict[str, str]) -> Rule:
    numbers = ("version", "preference", "target", "protocol", "local_port", "remote_port", "mark")
    return Rule(
        action=RuleAction(text["action"]),
        remote=ip_address(text["remote"]) if text["remote"] else None,
        own=bool(int(text["own"])),
        **{name: int(text[name]) for name in numbers},
    )
