"""The network configuration of the node, and what the plugin said when it connected a pod."""

import json
from typing import Any

from fakecri.core.node import Node
from fakecri.core.records import Sandbox
from fakecri.core.world import World

NO_CONFIG = "cni plugin not initialized"
"""The network error of a node without a configuration; any other is a plugin's."""
CONFIG_DIRECTORY = "/etc/cni/net.d"
PLUGIN_DIRECTORY = "/opt/cni/bin"
BRIDGE = "cni0"
INTERFACE = "eth0"

_LOOPBACK = {"cniVersion": "0.3.1", "name": "cni-loopback", "plugins": [{"type": "loopback"}]}


def netns_path(sandbox: Sandbox) -> str:
    """Return where a sandbox's network namespace is kept; empty: it has none of its own."""
    if sandbox.host_network:
        return ""
    cuts = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))  # of a UUID
    return "/var/run/netns/cni-" + "-".join(sandbox.id[start:end] for start, end in cuts)


def cni_result(world: World, sandbox: Sandbox) -> dict[str, Any] | None:
    """Return what the plugin answered; None: it was never asked. It outlives the network."""
    if sandbox.host_network:
        return None
    netns, id_ = netns_path(sandbox), sandbox.id
    gateways = world.network.gateways
    own = [_address(each, at) for each, at in zip(sandbox.ips, gateways, strict=False)]
    local = [_address("127.0.0.1", ""), _address("::1", "")]
    return {
        "Interfaces": {
            BRIDGE: _interface(None, _mac(BRIDGE.encode().hex().ljust(12, "0")), ""),
            INTERFACE: _interface(own, _mac(id_[:12]), netns),
            "lo": _interface(local, "00:00:00:00:00:00", netns),
            f"veth{id_[:8]}": _interface(None, _mac(id_[12:24]), ""),
        },
        "DNS": [{}, {}],
        "Routes": None,
    }


def _address(ip: str, gateway: str) -> dict[str, str]:
    return {"IP": ip, "Gateway": gateway}


def _interface(addresses: list[dict[str, str]] | None, mac: str, netns: str) -> dict[str, Any]:
    where = {"Mac": mac, "Sandbox": netns, "PciID": "", "SocketPath": ""}
    return {"IPConfigs": addresses, **where}


def _mac(digits: str) -> str:
    """Return an address made of 12 hex digits: one that is locally administered, of one host."""
    first = int(digits[:2], 16) & 0xFE | 0x02
    return ":".join((f"{first:02x}", *(digits[at : at + 2] for at in range(2, 12, 2))))


def cni_config(world: World) -> dict[str, Any]:
    """Return the configuration as the CNI library has loaded it."""
    networks = [_loaded(_LOOPBACK, "lo")]
    if world.node.network_error != NO_CONFIG:
        networks.append(_loaded(_network(world), INTERFACE))
    return {
        "PluginDirs": [PLUGIN_DIRECTORY],
        "PluginConfDir": CONFIG_DIRECTORY,
        "PluginMaxConfNum": 1,
        "Prefix": "eth",
        "Networks": networks,
    }


def _network(world: World) -> dict[str, Any]:
    ranges = [[{"subnet": str(each)}] for each in world.network.subnets]
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "ipMasq": True,
        "ipam": {"type": "host-local", "ranges": ranges},
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "containerd-net", "plugins": [bridge, portmap]}


def _loaded(network: dict[str, Any], interface: str) -> dict[str, Any]:
    config = {
        "Name": network["name"],
        "CNIVersion": network["cniVersion"],
        "Plugins": [_plugin(each) for each in network["plugins"]],
        "Source": json.dumps(network),
    }
    return {"Config": config, "IFName": interface}


def _plugin(plugin: dict[str, Any]) -> dict[str, Any]:
    ipam = {name: value for name, value in plugin.get("ipam", {}).items() if name == "type"}
    source = json.dumps(plugin, sort_keys=True, separators=(",", ":"))
    return {"Network": {"type": plugin["type"], "ipam": ipam, "dns": {}}, "Source": source}


def load_status(node: Node) -> str:
    """Return how the last loading of the configuration went: OK, or the library's complaint."""
    if node.network_error != NO_CONFIG:
        return "OK"
    return (
        f"cni config load failed: no network config found in {CONFIG_DIRECTORY}: {NO_CONFIG}: "
        "failed to load cni config"
    )
