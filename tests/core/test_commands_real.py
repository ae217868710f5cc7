"""The built-in commands next to a real busybox: output, complaints and exit codes are the same."""

import grp
import os
import pwd
import re
import subprocess

import pytest

from fakecri.core.executables import DEFAULT_PATH
from fakecri.core.processes import User
from tests.core.machine import Finished, Machine, made_image
from tests.requirements import busybox

NOBODY = 65534

ARGVS = [
    "true",
    "true --help",
    "false",
    "false x",
    "echo",
    "echo hello World",
    "echo -n hello",
    "echo -nx a",
    "echo -nn -E a -n",
    "echo - a",
    "echo -- a",
    "echo --help",
    "sleep",
    "sleep x",
    "sleep 0",
    "sleep 0 0s 0m 0h 0d .0 0.",
    "sleep 0 infinity",
    "sleep 1x",
    "sleep -1",
    "sleep +0",
    "sleep 0,1",
    "sleep 1e-2",
    "sleep 0.5x",
    "sleep 0.0sm",
    "sleep 0.5.5",
    "sleep .",
    "sleep 0x1",
    "sleep 999999999999999999999",
    "sleep 18446744073709551615d",
    "sleep --help",
    "sleep -- 0",
    "cat",
    "cat -",
    "cat - -",
    "cat -n",
    "cat -b",
    "cat -nb - -",
    "cat -v",
    "cat -t",
    "cat -e - -",
    "cat -A",
    "cat -nA",
    "cat -bA - -",
    "cat -u",
    "cat nosuch",
    "cat nosuch - /no/such",
    "cat -n nosuch",
    "cat -e nosuch",
    "cat /bin/cat/x",
    "cat /etc",
    "cat -n /etc",
    "cat -v /etc",
    "cat /dev/null",
    "cat -- nosuch",
    "cat -z",
    "cat --foo",
    "cat --help",
    "cat x --help",
    "env",
    "env -i",
    "env -",
    "env - A=1 B=2 A=3",
    "env -i = A= =x",
    "env -u A",
    "env -uA -u B",
    "env -iu A A=2",
    "env -u",
    "env -0 -i A=1",
    "env --null -i A=1",
    "env --unset=A",
    "env --un A",
    "env --ignore-environment A=1",
    "env --ignore-environment=1",
    "env --unset",
    "env --foo",
    "env --foo=1",
    "env -z",
    "env --help",
    "env nosuch",
    "env A=1 nosuch a b",
    "env /no/such",
    "env ./nosuch",
    "env /etc",
    "env /etc/passwd",
    "env /bin/cat/x",
    "env -i A=1 env",
    "env -i A=1 -i",
    "env - - A=1",
    "env -- -i",
    "env echo -n a",
    "env sleep x",
    "env cat -",
    "env -0 echo a",
    "hostname",
    "hostname -s",
    "hostname -sv",
    "hostname other",
    "hostname -F /nosuch",
    "hostname -F",
    "hostname -z",
    "hostname --help",
    "pwd",
    "pwd x",
    "pwd -L",
    "pwd -x",
    "pwd --foo",
    "pwd --help",
    "id",
    "id -u",
    "id -g",
    "id -G",
    "id -un",
    "id -gn",
    "id -Gn",
    "id -ru",
    "id -rGn",
    "id -n",
    "id -r",
    "id -ug",
    "id -z",
    "id --help",
    "id -u --help",
    "id nosuch",
    "id root x",
    "id -- nosuch",
    "date -d @0",
    "date -u -d @5",
    "date -ud@7",
    "date --date=@5 --utc",
    "date --d @5",
    "date -R -d @5",
    "date --rfc-2822 -d @5",
    "date --rfc -d @5",
    "date -I -d @0",
    "date -Idate -d @0",
    "date -Ih -d @0",
    "date -Iminutes -d @0",
    "date -Is -d @1700000000",
    "date -Ins -d @0",
    "date -Ifoo -d @0",
    "date -R -I -d @0",
    "date -I +%s -d @5",
    "date -d @1700000000 +%a|%A|%b|%B|%c|%C|%d|%D|%e|%F|%g|%G|%h|%H|%I|%j|%k|%l|%m|%M",
    "date -d @1700000000 +%n|%p|%P|%r|%R|%s|%S|%t|%T|%u|%U|%V|%w|%W|%x|%X|%y|%Y|%z|%Z|%%",
    "date -d @0 +%Q%q%N%E%L%i%",
    "date -d @0 +%-d.%_m.%05d.%^b.%#Z.%3e.%-H:%010s",
    "date -d @0 +%_H%_M%-j%_j%^p%#p%EC%OH%OS%^c",
    "date -d @5 +%5Y%-d%_d%0e%^a%O%Ey%Od%:z",
    "date -d @253402300800",
    "date -d @67768036191676799 +%s",
    "date -d @67768036191676800",
    "date -d @018",
    "date -d @-1",
    "date -d @1.5",
    "date -d @",
    "date -d @x",
    "date -d foo",
    "date -d",
    "date -d 9:05 +%H:%M:%S",
    "date -d 24:00",
    "date -d 2021-02-30",
    "date -d 2021-2-3",
    "date -d 2021-13-01",
    "date -d 2020-02-29 +%j|%U|%V|%W|%u|%w",
    "date -d 2021-01-03 +%G-%V|%g|%U|%W",
    "date -d 2019-12-31 +%G-%V|%g|%U|%W",
    "date -d 2021.02.03-04:05",
    "date -d 2021.02.03-04:05:06",
    "date -s @5",
    "date @5",
    "date x",
    "date x y",
    "date -d @5 x",
    "date -d @5 -s @6",
    "date -s x",
    "date -r /nosuch",
    "date -d @5 -r /nosuch",
    "date -z",
    "date --foo",
    "date --r",
    "date --utc=1",
    "date --date",
    "date +a +b",
    "date --help",
    "busybox echo hi",
    "busybox busybox echo -n hi",
    "busybox nosuch x",
    "busybox /no/such/echo hi",
    "busybox cat -z",
    "busybox env -i A=1 env",
]
SPACED = [
    ["date", "-d", "2021-02-03 04:05"],
    ["date", "-d", "2021-02-03 04:05:06"],
    ["date", "-d", "2021-02-03  4"],
    ["date", "-d", "2021-02-03 24:00"],
    ["date", "-d", "@ 5"],
    ["date", "-d", ""],
    ["date", "+", "-d", "@0"],
    ["sleep", ""],
    ["sleep", "0 "],
    ["env", "-i", ""],
    ["id", ""],
    ["hostname", ""],
    ["cat", ""],
    ["cat", " "],
    ["echo", "", "a  b", ""],
    *(
        ["echo", "-e", text]
        for text in (
            *(r"a\nb\tc", r"\e\a\b\f\r\v\\", r"\q\8\"", "a\\", r"x\cy z"),
            *(r"\0", r"\0101x", r"\101", r"\1234", r"\01234", r"\0777", r"\400", r"\081", r"\377"),
            *(r"\x41", r"\x414", r"\x4", r"\x", r"\xg", r"\0000", r"\00001", r"\\n", r"\c"),
        )
    ),
    ["echo", "-e", "-E", r"a\nb"],
    ["echo", "-E", "-e", r"a\nb"],
    ["echo", "-ne", r"a\nb", r"c\cd", "e"],
    ["echo", "é", "\U0001f600"],
]
INPUT = b"a\n\n\tb\x01\x80\xff\x7f\x89\x8a\nlast"
ENVIRONMENT = {"PATH": DEFAULT_PATH, "A": "1", "B": "x=y"}


@pytest.mark.real
@pytest.mark.parametrize("argv", [*(line.split() for line in ARGVS), *SPACED], ids=" ".join)
def test_a_command_does_what_the_real_one_does(argv: list[str]) -> None:
    assert _simulated(argv) == _real(busybox(), argv)


def _real(program: str, argv: list[str]) -> Finished:
    # As nobody, not as root: hostname and date would change the machine.
    user = _real_user() if _is_root() else None
    finished = subprocess.run(
        [program, *argv],
        input=INPUT,
        capture_output=True,
        check=False,
        cwd="/",
        env=ENVIRONMENT,
        timeout=60,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=user.groups if user else None,
    )
    return _comparable(
        finished.returncode,
        finished.stdout.decode(errors="backslashreplace"),
        finished.stderr.decode(errors="backslashreplace"),
    )


def _simulated(argv: list[str]) -> Finished:
    group = "".join(f"{each.gr_name}:x:{each.gr_gid}:\n" for each in grp.getgrall())
    image = made_image(group_lines=group)
    machine = Machine(image)
    finished = machine.run(
        *argv,
        environment=ENVIRONMENT,
        user=_real_user(),
        hostname=os.uname().nodename,
        stdin=INPUT,
        is_init=False,
    )
    return _comparable(*finished)


def _is_root() -> bool:
    return os.geteuid() == 0


def _real_user() -> User:
    if _is_root():
        return User(NOBODY, NOBODY, (4242, 10), pwd.getpwuid(NOBODY).pw_name)
    groups = tuple(os.getgroups())
    return User(os.getuid(), os.getgid(), groups, pwd.getpwuid(os.getuid()).pw_name)


def _comparable(code: int, stdout: str, stderr: str) -> Finished:
    """Without what differs between builds: the version, and the help below the synopsis."""
    stderr = re.sub(r"^BusyBox v.* multi-call", "BusyBox multi-call", stderr, flags=re.MULTILINE)
    head, usage, rest = stderr.partition("\nUsage: ")
    synopsis = rest.partition("\n")[0].rstrip()
    return Finished(code, stdout, head + usage + synopsis if usage else stderr)
