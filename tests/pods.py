"""From Kubernetes manifests to the configs that a kubelet would hand to the runtime.

Only what a kubelet would need of a manifest is read; what belongs to the control plane is not.
Volumes are files and directories of the runtime's node. Instead of a kube-proxy, the cluster IP of
a Service is the address of the first pod that it selects.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fakecri.api import runtime_pb2 as pb
from fakecri.core.files import Files

Manifest = dict[str, Any]

_UNITS = {"m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 1e3, "M": 1e6, "G": 1e9}
_CAPABILITIES = {"add": "add_capabilities", "drop": "drop_capabilities"}


@dataclass
class Pod:
    """A pod of a manifest, and what its node knows of it."""

    manifest: Manifest
    configmaps: dict[str, dict[str, str]]
    services: list[Manifest]
    uid: str
    ip: str = ""
    spec: Manifest = field(init=False)

    def __post_init__(self) -> None:
        self.spec = self.manifest["spec"]

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def directory(self) -> str:
        """Where the kubelet keeps what belongs to it."""
        return f"/var/lib/kubelet/pods/{self.uid}"

    def matches(self, labels: dict[str, str]) -> bool:
        own: dict[str, str] = self.manifest["metadata"].get("labels", {})
        return labels.items() <= own.items()


def read_pods(path: Path) -> list[Pod]:
    """Read the pods of a file, in its order; workloads give the pods that they would make."""
    documents = [each for each in yaml.safe_load_all(path.read_text()) if each]
    maps = {m["metadata"]["name"]: m["data"] for m in documents if m["kind"] == "ConfigMap"}
    services = [each for each in documents if each["kind"] == "Service"]
    pods = [pod for each in documents for pod in _pods_of(each)]
    return [Pod(each, maps, services, f"uid-{n}") for n, each in enumerate(pods, start=1)]


def _pods_of(document: Manifest) -> Iterator[Manifest]:
    if document["kind"] == "Pod":
        yield document
    elif document["kind"] in {"Job", "Deployment"}:
        template = document["spec"]["template"]
        for number in range(document["spec"].get("replicas", 1)):
            name = f"{document['metadata']['name']}-{number}"
            metadata = {**template.get("metadata", {}), "name": name}
            yield {"metadata": metadata, "spec": template["spec"]}


def quantity(text: Any) -> float:
    """Return the number that a quantity such as `250m` or `64Mi` is."""
    text = str(text)
    unit = next((each for each in _UNITS if text.endswith(each)), "")
    return float(text.removesuffix(unit)) * _UNITS.get(unit, 1)


def sandbox_config(pod: Pod) -> pb.PodSandboxConfig:
    """Return the config of a pod's sandbox."""
    metadata = pod.manifest["metadata"]
    security = pod.spec.get("securityContext", {})
    linux = pb.LinuxPodSandboxConfig(cgroup_parent=f"/kubepods/pod{pod.uid}")
    _set_user(linux.security_context, security)
    linux.security_context.namespace_options.pid = (
        pb.POD if pod.spec.get("shareProcessNamespace") else pb.CONTAINER
    )
    return pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(name=pod.name, namespace="default", uid=pod.uid),
        hostname=pod.spec.get("hostname", pod.name),
        log_directory=f"/var/log/pods/default_{pod.name}_{pod.uid}",
        labels=metadata.get("labels"),
        annotations=metadata.get("annotations"),
        linux=linux,
    )


def _set_user(target: Any, *contexts: Manifest) -> None:
    merged = {key: value for each in contexts for key, value in each.items()}
    if "runAsUser" in merged:
        target.run_as_user.value = merged["runAsUser"]
    if "runAsGroup" in merged:
        target.run_as_group.value = merged["runAsGroup"]
    if "fsGroup" in merged:
        target.supplemental_groups.append(merged["fsGroup"])


def container_config(
    pod: Pod, container: Manifest, attempt: int, files: Files
) -> pb.ContainerConfig:
    """Return the config of a container; its volumes are made where they are missing."""
    name = container["name"]
    environment = {**_service_environment(pod), **_environment(pod, container)}
    return pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name=name, attempt=attempt),
        image=pb.ImageSpec(image=container["image"]),
        command=[_expanded(each, environment) for each in container.get("command", ())],
        args=[_expanded(each, environment) for each in container.get("args", ())],
        working_dir=container.get("workingDir", ""),
        envs=[pb.KeyValue(key=key, value=value.encode()) for key, value in environment.items()],
        mounts=list(_mounts(pod, container, attempt, files)),
        labels={"io.kubernetes.pod.name": pod.name, "io.kubernetes.container.name": name},
        annotations={
            "io.kubernetes.container.terminationMessagePath": container.get(
                "terminationMessagePath", "/dev/termination-log"
            )
        },
        log_path=f"{name}/{attempt}.log",
        linux=_linux(pod, container),
    )


def _expanded(text: str, environment: dict[str, str]) -> str:
    for key, value in environment.items():
        text = text.replace(f"$({key})", value)
    return text


def _environment(pod: Pod, container: Manifest) -> dict[str, str]:
    environment: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        environment.update(pod.configmaps[source["configMapRef"]["name"]])
    for each in container.get("env", ()):
        environment[each["name"]] = _expanded(_value(pod, container, each), environment)
    return environment


def _value(pod: Pod, container: Manifest, entry: Manifest) -> str:
    source = entry.get("valueFrom", {})
    if "fieldRef" in source:
        return _field(pod, source["fieldRef"]["fieldPath"])
    if "configMapKeyRef" in source:
        reference = source["configMapKeyRef"]
        return str(pod.configmaps[reference["name"]][reference["key"]])
    if "resourceFieldRef" in source:
        kind, _, what = source["resourceFieldRef"]["resource"].partition(".")
        return str(int(quantity(container["resources"][kind][what])))
    return str(entry.get("value", ""))


def _field(pod: Pod, path: str) -> str:
    metadata = pod.manifest["metadata"]
    known: dict[str, str] = {
        "metadata.name": pod.name,
        "metadata.namespace": "default",
        "metadata.uid": pod.uid,
        "status.podIP": pod.ip,
        "spec.nodeName": "node-1",
        **{f"metadata.labels['{k}']": v for k, v in metadata.get("labels", {}).items()},
    }
    return known[path]


def _service_environment(pod: Pod) -> dict[str, str]:
    environment = {}
    for service in pod.services:
        prefix = service["metadata"]["name"].upper().replace("-", "_")
        environment[f"{prefix}_SERVICE_HOST"] = service.get("address", "")
        environment[f"{prefix}_SERVICE_PORT"] = str(service["spec"]["ports"][0]["port"])
    return environment


def _mounts(pod: Pod, container: Manifest, attempt: int, files: Files) -> Iterator[pb.Mount]:
    volumes = {each["name"]: each for each in pod.spec.get("volumes", ())}
    for mount in container.get("volumeMounts", ()):
        host_path = _make_volume(pod, volumes[mount["name"]], files)
        if "subPath" in mount:
            host_path += f"/{mount['subPath']}"
        yield pb.Mount(
            container_path=mount["mountPath"],
            host_path=host_path,
            readonly=mount.get("readOnly", "configMap" in volumes[mount["name"]]),
        )
    path = termination_log(pod, container["name"], attempt)
    files.make_dirs(path.rpartition("/")[0])
    files.write(path, b"", 0o666)
    yield pb.Mount(
        container_path=container.get("terminationMessagePath", "/dev/termination-log"),
        host_path=path,
    )


def termination_log(pod: Pod, container: str, attempt: int) -> str:
    """Return the file behind a container's termination log."""
    return f"{pod.directory}/containers/{container}/{attempt}"


def _make_volume(pod: Pod, volume: Manifest, files: Files) -> str:
    kind = "configmap" if "configMap" in volume else "empty-dir"
    path = f"{pod.directory}/volumes/kubernetes.io~{kind}/{volume['name']}"
    if not files.exists(path):
        files.make_dirs(path, 0o777)
        for name, content in pod.configmaps.get(
            volume.get("configMap", {}).get("name", ""), {}
        ).items():
            mode = volume["configMap"].get("defaultMode", 0o644)
            files.write(f"{path}/{name}", content.encode(), mode)
    return path


def _linux(pod: Pod, container: Manifest) -> pb.LinuxContainerConfig:
    contexts = pod.spec.get("securityContext", {}), container.get("securityContext", {})
    linux = pb.LinuxContainerConfig(resources=_resources(container.get("resources", {})))
    security = linux.security_context
    _set_user(security, *contexts)
    security.readonly_rootfs = contexts[1].get("readOnlyRootFilesystem", False)
    security.no_new_privs = not contexts[1].get("allowPrivilegeEscalation", True)
    for key, target in _CAPABILITIES.items():
        getattr(security.capabilities, target).extend(
            contexts[1].get("capabilities", {}).get(key, ())
        )
    security.namespace_options.pid = (
        pb.POD if pod.spec.get("shareProcessNamespace") else pb.CONTAINER
    )
    return linux


def _resources(resources: Manifest) -> pb.LinuxContainerResources:
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    cpu = quantity(requests.get("cpu", limits.get("cpu", 0)))
    quota = int(quantity(limits.get("cpu", 0)) * 100_000)
    return pb.LinuxContainerResources(
        cpu_shares=max(2, int(cpu * 1024)),
        cpu_period=100_000,
        cpu_quota=quota,
        # A kubelet wants the whole container killed, not one process of it.
        unified={"memory.oom.group": "1"},
        memory_limit_in_bytes=int(quantity(limits.get("memory", 0))),
    )
