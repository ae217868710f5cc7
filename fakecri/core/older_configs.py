"""The configuration of containerd's CRI plugin as 1.6 and 1.7 show it: its defaults.

Source: pkg/cri/config of the tags v1.6.20 and v1.7.34; the members of 1.6 as a real one shows them.
"""

from typing import Any

_OPTIONS = {
    "BinaryName": "",
    "CriuImagePath": "",
    "CriuPath": "",
    "CriuWorkPath": "",
    "IoGid": 0,
    "IoUid": 0,
    "NoNewKeyring": False,
    "NoPivotRoot": False,
    "Root": "",
    "ShimCgroup": "",
    "SystemdCgroup": False,
}


def older_config(sandbox_image: str, *, is_1_7: bool) -> dict[str, Any]:
    """Return the configuration of a release whose image of pause is this one."""
    return {
        "containerd": _runtimes(is_1_7=is_1_7),
        "cni": {
            "binDir": "/opt/cni/bin",
            "confDir": "/etc/cni/net.d",
            "maxConfNum": 1,
            **({"setupSerially": False} if is_1_7 else {}),
            "confTemplate": "",
            "ipPref": "",
        },
        "registry": {
            "configPath": "",
            **dict.fromkeys(("mirrors", "configs", "auths", "headers")),
        },
        "imageDecryption": {"keyModel": "node"},
        **_streams(),
        "enableSelinux": False,
        "selinuxCategoryRange": 1024,
        "sandboxImage": sandbox_image,
        "statsCollectPeriod": 10,
        "systemdCgroup": False,
        "enableTLSStreaming": False,
        "x509KeyPairStreaming": {"tlsCertFile": "", "tlsKeyFile": ""},
        **_switches(),
        **(_of_1_7() if is_1_7 else {}),
        "containerdRootDir": "/var/lib/containerd",
        "containerdEndpoint": "/run/containerd/containerd.sock",
        "rootDir": "/var/lib/containerd/io.containerd.grpc.v1.cri",
        "stateDir": "/run/containerd/io.containerd.grpc.v1.cri",
    }


def _runtimes(*, is_1_7: bool) -> dict[str, Any]:
    nothing = _runtime("", None, "", is_1_7=is_1_7)
    runc = _runtime("io.containerd.runc.v2", _OPTIONS, "podsandbox", is_1_7=is_1_7)
    return {
        "snapshotter": "overlayfs",
        "defaultRuntimeName": "runc",
        "defaultRuntime": nothing,
        "untrustedWorkloadRuntime": nothing,
        "runtimes": {"runc": runc},
        "noPivot": False,
        "disableSnapshotAnnotations": True,
        "discardUnpackedLayers": False,
        **({"ignoreBlockIONotEnabledErrors": False} if is_1_7 else {}),
        "ignoreRdtNotEnabledErrors": False,
    }


def _runtime(
    kind: str, options: dict[str, Any] | None, sandbox_mode: str, *, is_1_7: bool
) -> dict[str, Any]:
    all_devices = "privileged_without_host_devices_all_devices_allowed"
    return {
        "runtimeType": kind,
        "runtimePath": "",
        "runtimeEngine": "",
        "PodAnnotations": None,
        "ContainerAnnotations": None,
        "runtimeRoot": "",
        "options": options,
        "privileged_without_host_devices": False,
        **({all_devices: False} if is_1_7 else {}),
        "baseRuntimeSpec": "",
        "cniConfDir": "",
        "cniMaxConfNum": 0,
        **({"snapshotter": "", "sandboxMode": sandbox_mode} if is_1_7 else {}),
    }


def _streams() -> dict[str, Any]:
    return {
        "disableTCPService": True,
        "streamServerAddress": "127.0.0.1",
        "streamServerPort": "0",
        "streamIdleTimeout": "4h0m0s",
    }


def _switches() -> dict[str, Any]:
    return {
        "maxContainerLogSize": 16384,
        "disableCgroup": False,
        "disableApparmor": False,
        "restrictOOMScoreAdj": False,
        "maxConcurrentDownloads": 3,
        "disableProcMount": False,
        "unsetSeccompProfile": "",
        "tolerateMissingHugetlbController": True,
        "disableHugetlbController": True,
        "device_ownership_from_security_context": False,
        "ignoreImageDefinedVolumes": False,
        "netnsMountsUnderStateDir": False,
        "enableUnprivilegedPorts": False,
        "enableUnprivilegedICMP": False,
    }


def _of_1_7() -> dict[str, Any]:
    return {
        "enableCDI": False,
        "cdiSpecDirs": ["/etc/cdi", "/var/run/cdi"],
        "imagePullProgressTimeout": "5m0s",
        "drainExecSyncIOTimeout": "0s",
        "imagePullWithSyncFs": False,
        "ignoreDeprecationWarnings": None,
    }
