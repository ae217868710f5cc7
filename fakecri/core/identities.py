"""`id`: who a process is, or who a user of the image would be."""

from fakecri.core.applets import Surroundings, complain
from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process, User
from fakecri.core.userlands import Userland


def show_identity(process: Process, surroundings: Surroundings) -> int:
    options = read_options(process.spec.argv, "ugGnr")
    kinds = [each for each in "ugG" if each in options.letters]
    if len(options.operands) > 1 or len(kinds) > 1 or (options.letters and not kinds):
        raise UsageError
    user: User | None = process.spec.user
    if options.operands:
        user = _find_user(surroundings.userland, options.operands[0])
    if user is None:
        return complain(process, "id", f"unknown user {options.operands[0]}")
    names = _Names(process, surroundings.userland)
    if kinds:
        return names.write_one(user, kinds[0], as_names="n" in options.letters)
    names.write_all(user)
    return 0


def _find_user(userland: Userland, name: str) -> User | None:
    row = userland.find_user(name)
    if row is None:
        return None
    groups = dict.fromkeys((row.gid, *userland.group_ids_of(name)))
    return User(row.uid, row.gid, tuple(groups), row.name)


class _Names:
    def __init__(self, process: Process, userland: Userland) -> None:
        self.process = process
        self.userland = userland

    def user_name(self, user: User) -> str:
        row = self.userland.find_uid(user.uid)
        return user.name or (row.name if row else "")

    def group_name(self, gid: int) -> str:
        rows = (each.name for each in self.userland.groups if each.gid == gid)
        return self.process.spec.group_names.get(gid) or next(rows, "")

    def groups(self, user: User) -> tuple[int, ...]:
        # The kernel keeps a process's own groups sorted.
        own = user is self.process.spec.user
        return tuple(sorted(user.groups)) if own else user.groups

    def write_all(self, user: User) -> None:
        groups = [_pair(gid, self.group_name(gid)) for gid in self.groups(user)]
        text = f"uid={_pair(user.uid, self.user_name(user))}"
        text += f" gid={_pair(user.gid, self.group_name(user.gid))}"
        text += " groups=" + ",".join(groups) if groups else ""
        self.process.write(f"{text}\n".encode())

    def write_one(self, user: User, kind: str, *, as_names: bool) -> int:
        others = [gid for gid in self.groups(user) if gid != user.gid] if kind == "G" else []
        pairs = [(gid, self.group_name(gid)) for gid in (user.gid, *others)]
        if kind == "u":
            pairs = [(user.uid, self.user_name(user))]
        unknown = [number for number, name in pairs if as_names and not name]
        for number in unknown:
            complain(self.process, "id", f"unknown ID {number}")
        words = [name if as_names and name else str(number) for number, name in pairs]
        self.process.write(" ".join(words).encode() + b"\n")
        return 1 if unknown else 0


def _pair(number: int, name: str) -> str:
    return f"{number}({name})" if name else str(number)
