"""`whoami`, `groups`, `su`, `setpriv` and their kin: who a process is, and becoming somebody."""

from dataclasses import replace

from fakecri.core.applets import Applet, Refusal, Surroundings, complain
from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process, User
from fakecri.core.scheduler import Waits
from fakecri.core.tools.words import (
    Owners,
    encoded,
    found_user,
    group_rows,
    run_instead,
    say,
)


def show_user(process: Process, surroundings: Surroundings) -> int:
    """`whoami`."""
    if len(process.spec.argv) > 1:
        raise UsageError
    uid = process.spec.user.uid
    name = Owners(process, surroundings).users.get(uid)
    if name is None:
        return complain(process, "whoami", f"unknown uid {uid}")
    say(process, name)
    return 0


def show_groups(process: Process, surroundings: Surroundings) -> int:
    """`groups`."""
    operands = read_options(process.spec.argv, "").operands
    rows = group_rows(process, surroundings)
    if operands:
        row = found_user(process, surroundings, operands[0])
        if row is None:
            return complain(process, "groups", f"unknown user {operands[0]}")
        numbers = [row.gid, *(each.gid for each in rows if row.name in each.members)]
    else:
        user = process.spec.user
        numbers = [user.gid, *sorted(each for each in user.groups if each != user.gid)]
    owners = Owners(process, surroundings)
    status = 0
    words = []
    for number in dict.fromkeys(numbers):
        if number not in owners.groups:
            status = complain(process, "groups", f"unknown ID {number}")
        words.append(owners.group(number))
    say(process, " ".join(words))
    return status


def show_login(process: Process, _: Surroundings) -> int:
    """`logname`: nobody has logged in."""
    if len(process.spec.argv) > 1:
        raise UsageError
    return complain(process, "logname", "getlogin: No such file or directory")


def show_environment(process: Process, _: Surroundings) -> int:
    """`printenv`."""
    names = read_options(process.spec.argv, "", leading=True).operands
    environment = process.spec.environment
    if not names:
        for name, value in environment.items():
            say(process, f"{name}={value}")
        return 0
    for name in names:
        if name in environment:
            say(process, environment[name])
    return 0 if all(each in environment for each in names) else 1


def change_user(process: Process, surroundings: Surroundings) -> Waits[int] | int | None:
    """`su`: only root may, as no password is known."""
    options = read_options(process.spec.argv, "lmpc:s:", leading=True)
    words, letters = list(options.operands), options.letters
    if words[:1] == ["-"]:
        words.pop(0)
        letters = letters | {"l"}
    name = words.pop(0) if words else "root"
    row = found_user(process, surroundings, name)
    if row is None:
        raise Refusal(f"unknown user {name}")
    if process.euid != 0:
        raise Refusal("must be suid to work properly")
    shell = (options.values("s") or [row.shell])[-1] or "/bin/sh"
    groups = tuple(
        each.gid for each in group_rows(process, surroundings) if row.name in each.members
    )
    environment = dict(process.spec.environment)
    if "l" in letters:
        environment = {each: environment[each] for each in ("TERM",) if each in environment}
    if not letters & {"m", "p"} or "l" in letters:
        environment |= {"HOME": row.home, "SHELL": shell}
        if row.uid != 0 or "l" in letters:
            environment |= {"USER": row.name, "LOGNAME": row.name}
    arguments = ["-c", options.values("c")[-1]] if "c" in letters else []
    process.spec = replace(
        process.spec,
        user=User(row.uid, row.gid, tuple(dict.fromkeys((row.gid, *groups))), row.name),
        environment=environment,
        cwd=row.home if "l" in letters and process.files.is_dir(row.home) else process.spec.cwd,
    )
    process.euid = row.uid
    return run_instead(process, surroundings, [shell, *arguments, *words])


def set_privileges(process: Process, surroundings: Surroundings) -> Waits[int] | int | None:
    """`setpriv`, as far as it says who to be."""
    long = {
        "dump": "d",
        "nnp": "\xf0",
        "no-new-privs": "\xf0",
        "reuid": "\xf1",
        "regid": "\xf2",
        "clear-groups": "\xf3",
        "groups": "\xf4",
        "init-groups": "\xf5",
    }
    valued = "d\xf0\xf1:\xf2:\xf3\xf4:\xf5"
    options = read_options(process.spec.argv, valued, long, leading=True)
    user = process.spec.user
    if "d" in options.letters:
        return _show_privileges(process)
    if not options.operands:
        raise UsageError
    changed = User(
        _number(options.values("\xf1"), user.uid),
        _number(options.values("\xf2"), user.gid),
        () if "\xf3" in options.letters else _numbers(options.values("\xf4"), user.groups),
    )
    if changed != replace(user, name=""):
        if not process.can("CAP_SETUID"):
            raise Refusal("setresuid failed: Operation not permitted")
        process.spec = replace(process.spec, user=changed)
        process.euid = changed.uid
    return run_instead(process, surroundings, options.operands)


def _number(texts: list[str], present: int) -> int:
    for text in texts[-1:]:
        if not text.isdecimal():
            raise Refusal(f"invalid number '{text}'")
        return int(text)
    return present


def _numbers(texts: list[str], present: tuple[int, ...]) -> tuple[int, ...]:
    if not texts:
        return present
    return tuple(_number([each], 0) for each in texts[-1].split(","))


def _show_privileges(process: Process) -> int:
    user = process.spec.user
    groups = ",".join(str(each) for each in user.groups) or "[none]"
    text = f"uid: {user.uid}\neuid: {user.uid}\ngid: {user.gid}\negid: {user.gid}\n"
    process.write(encoded(f"{text}Supplementary groups: {groups}\n"))
    return 0


def change_root(process: Process, surroundings: Surroundings) -> Waits[int] | int | None:
    """`chroot`: only to where the root is already."""
    words = read_options(process.spec.argv, "", leading=True).operands
    if not words:
        raise UsageError
    try:
        place = process.files.realpath(words[0])
        process.files.list(words[0])
    except OSError as error:
        text = f"can't change root directory to '{words[0]}': {error.strerror}"
        raise Refusal(text) from error
    if not process.can("CAP_SYS_CHROOT"):
        raise Refusal(f"can't change root directory to '{words[0]}': Operation not permitted")
    if place != "/":
        raise Refusal(f"fakecri does not simulate another root than '/', such as '{place}'")
    process.spec = replace(process.spec, cwd="/")
    shell = process.spec.environment.get("SHELL") or "/bin/sh"
    return run_instead(process, surroundings, words[1:] or [shell, "-i"])


COMMANDS = {
    "chroot": Applet(change_root, "NEWROOT [PROG ARGS]"),
    "groups": Applet(show_groups, "[USER]"),
    "logname": Applet(show_login, ""),
    "printenv": Applet(show_environment, "[VARIABLE]..."),
    "setpriv": Applet(set_privileges, "[OPTIONS] PROG ARGS"),
    "su": Applet(change_user, "[-lmp] [-s SH] [-] [USER [FILE ARGS | -c 'CMD' [ARG0 ARGS]]]"),
    "whoami": Applet(show_user, ""),
}
