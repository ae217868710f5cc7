"""When there are no figures of a pod, and what is said then. Source: spec stats 3.2.3.

In 1.6 the cgroup is looked at before the state, and one pod fails a whole list.
"""

from collections.abc import Iterable

from fakecri.core.profiles import Profile
from fakecri.core.records import Sandbox
from fakecri.core.states import SandboxState
from fakecri.errors import Code, CRIError, wrapped


def require(profile: Profile, sandbox: Sandbox, asked: str) -> None:
    """Raise where PodSandboxStats has no figures; `asked` is the id of the request."""
    if profile.idle_pods_fail_lists:
        with wrapped(f"failed getting metrics for sandbox {asked}"):
            _require_cgroup(profile, sandbox)
        with wrapped(f"failed to decode pod sandbox metrics {asked}"):
            _require_ready(profile, sandbox)
        return
    with wrapped(f"failed to decode pod sandbox metrics {asked}"):
        _require_ready(profile, sandbox)
        with wrapped(f"failed getting metrics for sandbox {sandbox.id}"):
            _require_cgroup(profile, sandbox)


def require_all(profile: Profile, sandboxes: Iterable[Sandbox]) -> None:
    """Raise where ListPodSandboxStats has no figures of pods that it does not leave out."""
    errors = []
    for each in sandboxes:
        try:
            _require_listed(profile, each)
        except CRIError as error:
            if profile.idle_pods_fail_lists:
                raise
            errors.append(error.message)
    if errors:
        raise CRIError("\n".join(errors))


def _require_listed(profile: Profile, sandbox: Sandbox) -> None:
    if profile.idle_pods_fail_lists:
        with wrapped(f'failed to obtain metrics for sandbox "{sandbox.id}"'):
            _require_cgroup(profile, sandbox)
        with wrapped(f'failed to decode sandbox container metrics for sandbox "{sandbox.id}"'):
            _require_ready(profile, sandbox)
        return
    with (
        wrapped(f'failed to decode sandbox container metrics for sandbox "{sandbox.id}"'),
        wrapped(f"failed getting metrics for sandbox {sandbox.id}"),
    ):
        _require_cgroup(profile, sandbox)


def _require_cgroup(profile: Profile, sandbox: Sandbox) -> None:
    if profile.pod_stats_need_cgroup and not sandbox.config.linux.cgroup_parent:
        raise CRIError(
            f"failed to get cgroup metrics for sandbox {sandbox.id} because cgroupPath is empty"
        )


def _require_ready(profile: Profile, sandbox: Sandbox) -> None:
    if not profile.refuses_idle_stats or sandbox.state is SandboxState.READY:
        return
    text = (
        f'failed to get pod sandbox stats since sandbox container "{sandbox.id}" is not in ready '
        "state"
    )
    if profile.idle_pods_fail_lists:
        raise CRIError(text)
    raise CRIError(f"{text}: unavailable", Code.UNAVAILABLE)
