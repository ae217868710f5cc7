"""The `info` maps of verbose answers, with the JSON that crictl flattens into its own.

A value that begins with `{` must be an object; any other is shown as it is, without its quotes.
"""

from typing import Any

from fakecri.core.cni import cni_config, cni_result, load_status, netns_path
from fakecri.core.daemon_config import RUNTIME_TYPE, SNAPSHOTTER, daemon_config
from fakecri.core.go_json import go_json, omit_empty
from fakecri.core.image_registry import ImageContent
from fakecri.core.oci_pause import sandbox_spec
from fakecri.core.oci_spec import container_spec
from fakecri.core.profiles import Profile
from fakecri.core.records import Container, Sandbox
from fakecri.core.states import SandboxState
from fakecri.core.world import World

_QUIET_SANDBOX = {
    "pid": 0,
    "processStatus": "",
    "netNamespaceClosed": False,
    "image": "",
    "snapshotKey": "",
    "snapshotter": "",
    "runtimeType": "",
    "runtimeOptions": None,
    "config": None,
    "runtimeSpec": None,
    "cniResult": None,
    "sandboxMetadata": None,
}
_QUIET_SANDBOX_JSON = go_json(_QUIET_SANDBOX)


def sandbox_info(world: World, sandbox: Sandbox, *, verbose: bool) -> dict[str, str]:
    """Return PodSandboxStatusResponse.info, which is there even if nobody asked (lifecycle 6.3)."""
    updated = _updated(sandbox)
    if verbose:
        facts = _sandbox(world, sandbox) | updated
        return {"info": go_json(_chosen(facts, world.profile.sandbox_info))}
    if not world.profile.tells_unasked:
        return {}
    return {"info": go_json(_QUIET_SANDBOX | updated) if updated else _QUIET_SANDBOX_JSON}


def _chosen(facts: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the facts of these keys, in their order; no keys: all of them."""
    return {key: facts[key] for key in keys} if keys else facts


def _updated(sandbox: Sandbox) -> dict[str, Any]:
    if sandbox.overhead is None and sandbox.resources is None:
        return {}
    return {
        "overhead": omit_empty(linux=sandbox.overhead),
        "resources": omit_empty(linux=sandbox.resources),
    }


def _sandbox(world: World, sandbox: Sandbox) -> dict[str, Any]:
    alive = sandbox.state is SandboxState.READY
    handler = {"runtimeHandler": sandbox.runtime_handler}
    return {
        **(handler if "runtimeHandler" in world.profile.sandbox_info else {}),
        "pid": sandbox.pid if alive else 0,
        "processStatus": "running" if alive else "deleted",
        "netNamespaceClosed": sandbox.netns_closed and not sandbox.host_network,
        "image": world.profile.sandbox_image,
        **_runtime(sandbox.id),
        "config": sandbox.config,
        "runtimeSpec": sandbox_spec(world, sandbox),
        "cniResult": cni_result(world, sandbox),
        "sandboxMetadata": {"Version": "v1", "Metadata": _metadata(world, sandbox)},
    }


def _runtime(id_: str) -> dict[str, Any]:
    # The options are null: a message in which nothing is set comes out of the database as nil.
    runtime = {"runtimeType": RUNTIME_TYPE, "runtimeOptions": None}
    return {"snapshotKey": id_, "snapshotter": SNAPSHOTTER, **runtime}


def _metadata(world: World, sandbox: Sandbox) -> dict[str, Any]:
    ip, *others = sandbox.ips or ("",)
    return {
        "ID": sandbox.id,
        "Name": sandbox.name,
        "Config": sandbox.config,
        "NetNSPath": netns_path(sandbox),
        "IP": ip,
        "AdditionalIPs": others or None,
        "RuntimeHandler": sandbox.runtime_handler,
        "CNIResult": cni_result(world, sandbox),
        "ProcessLabel": "",
    }


def container_info(world: World, container: Container) -> dict[str, str]:
    """Return ContainerStatusResponse.info (lifecycle 12.4)."""
    facts = {
        "sandboxID": container.parent.id,
        "pid": container.pid,
        "removing": container.removing,
        **_runtime(container.id),
        "config": container.config,
        "runtimeSpec": container_spec(world, container),
    }
    keys = world.profile.container_info
    if "privileged" in keys:
        facts["privileged"] = container.config.linux.security_context.privileged
    return {"info": go_json(_chosen(facts, keys))}


def image_info(profile: Profile, content: ImageContent) -> dict[str, str]:
    """Return ImageStatusResponse.info (images 1.5.2)."""
    spec = content.config_json.decode()  # JSON of Go's already
    facts = {"chainID": go_json(content.chain_id), "imageSpec": spec}
    members = [f'"{key}":{value}' for key, value in _chosen(facts, profile.image_info).items()]
    return {"info": f"{{{','.join(members)}}}"}


def node_info(world: World) -> dict[str, str]:
    """Return StatusResponse.info (images 4.1.4). The statuses of loading are no JSON."""
    loaded = load_status(world.node)
    facts = {
        "config": go_json(world.profile.node_config or daemon_config(world.profile)),
        "golang": go_json(world.profile.go_version),
        "cniconfig": go_json(cni_config(world)),
        "lastCNILoadStatus.default": loaded,
        "lastCNILoadStatus": loaded,
    }
    return _chosen(facts, world.profile.node_info)
