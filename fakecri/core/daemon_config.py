"""The configuration of containerd's CRI plugin, as verbose statuses show it: its defaults.

The shape is that of containerd 2's `Config`.
"""

from typing import Any

from fakecri.core.cni import CONFIG_DIRECTORY, PLUGIN_DIRECTORY
from fakecri.core.oci_mounts import CRI
from fakecri.core.profiles import Profile

RUNTIME = "runc"
RUNTIME_TYPE = "io.containerd.runc.v2"
SNAPSHOTTER = "overlayfs"

_RUNC_OPTIONS = {
    "BinaryName": "",
    "CriuImagePath": "",
    "CriuWorkPath": "",
    "IoGid": 0,
    "IoUid": 0,
    "NoNewKeyring": False,
    "Root": "",
    "ShimCgroup": "",
    "SystemdCgroup": False,
}


def daemon_config(profile: Profile) -> dict[str, Any]:
    """Return the configuration of a daemon whose directories are the profile's."""
    return {
        "containerd": _runtimes(profile),
        "cni": _cni(),
        **_switches(),
        "containerdRootDir": profile.root,
        "containerdEndpoint": f"{profile.state}/containerd.sock",
        "rootDir": f"{profile.root}/{CRI}",
        "stateDir": f"{profile.state}/{CRI}",
    }


def _runtimes(profile: Profile) -> dict[str, Any]:
    return {
        "defaultRuntimeName": RUNTIME,
        "runtimes": {name: _runtime() for name in profile.runtime_handlers if name},
        "ignoreBlockIONotEnabledErrors": False,
        "ignoreRdtNotEnabledErrors": False,
    }


def _runtime() -> dict[str, Any]:
    return {
        "runtimeType": RUNTIME_TYPE,
        "runtimePath": "",
        "PodAnnotations": None,
        "ContainerAnnotations": None,
        "options": _RUNC_OPTIONS,
        "privileged_without_host_devices": False,
        "privileged_without_host_devices_all_devices_allowed": False,
        "cgroupWritable": False,
        "baseRuntimeSpec": "",
        "cniConfDir": "",
        "cniMaxConfNum": 0,
        "snapshotter": "",
        "sandboxer": "podsandbox",
        "disablePauseImagePull": False,
        "io_type": "",
    }


def _cni() -> dict[str, Any]:
    return {
        "binDir": "",
        "binDirs": [PLUGIN_DIRECTORY],
        "confDir": CONFIG_DIRECTORY,
        "maxConfNum": 1,
        "setupSerially": False,
        "confTemplate": "",
        "ipPref": "",
        "useInternalLoopback": False,
    }


def _switches() -> dict[str, Any]:
    return {
        "enableSelinux": False,
        "selinuxCategoryRange": 1024,
        "maxContainerLogLineSize": 16384,
        "disableApparmor": False,
        "restrictOOMScoreAdj": False,
        "disableProcMount": False,
        "unsetSeccompProfile": "",
        "tolerateMissingHugetlbController": True,
        "disableHugetlbController": True,
        "device_ownership_from_security_context": False,
        "ignoreImageDefinedVolumes": False,
        "netnsMountsUnderStateDir": False,
        "enableUnprivilegedPorts": True,
        "enableUnprivilegedICMP": True,
        "enableCDI": True,
        "cdiSpecDirs": ["/etc/cdi", "/var/run/cdi"],
        "drainExecSyncIOTimeout": "0s",
        "ignoreDeprecationWarnings": None,
        "statsCollectPeriod": "",
        "statsRetentionPeriod": "",
        "enableCRIU": True,
    }
