"""From an image and a command line to a program."""

import pytest

from fakecri.core.commands import COMMANDS
from fakecri.core.image_registry import ImageContent
from fakecri.core.processes import Process, Program
from fakecri.core.programs import MissingExecutableError, Programs
from fakecri.core.references import InvalidReference
from fakecri.core.scheduler import Waits
from fakecri.core.signals import NUMBERS, SIGTERM
from tests.core.machine import BUSYBOX, Machine, known_image, made_image

ALPINE = known_image("docker.io/library/alpine")
DEBIAN = known_image("docker.io/library/debian")
NGINX = known_image("docker.io/library/nginx")
HTTPD = known_image("docker.io/library/httpd")
PAUSE = known_image("registry.k8s.io/pause")
SERVER = made_image(entrypoint=("/app/server",), working_dir="/app")

IMAGE_NAME = "docker.io/library/app:latest"


@pytest.fixture
def machine() -> Machine:
    return Machine()


def _saying(word: str) -> Program:
    def say(process: Process) -> None:
        process.write(f"{word} {' '.join(process.spec.argv)}".encode())

    return say


def _refusal(image: ImageContent, *argv: str) -> str:
    with pytest.raises(MissingExecutableError) as raised:
        Programs().find(image, argv, {})
    return raised.value.text


# What is in the image, but not in fakecri.


def test_an_empty_command_line_is_no_command() -> None:
    with pytest.raises(ValueError, match="no command specified"):
        Programs().find(BUSYBOX, [], {})


@pytest.mark.parametrize("is_exec", [True, False])
def test_a_tool_that_is_not_simulated_counts_as_missing_and_the_message_says_why(
    is_exec: bool,
) -> None:
    programs = Programs()
    for argv, text in {
        ("vi", "-R"): 'exec: "vi": executable file not found in $PATH',
        ("/bin/vi",): 'exec: "/bin/vi": stat /bin/vi: no such file or directory',
    }.items():
        with pytest.raises(MissingExecutableError) as raised:
            programs.find(BUSYBOX, argv, {}, is_exec=is_exec)
        why = f' (fakecri does not simulate "{argv[0]}"; register a program for it)'
        assert raised.value.text == text + why


def test_a_shell_that_the_image_does_not_have_is_missing() -> None:
    text = 'exec: "/bin/bash": stat /bin/bash: no such file or directory'
    assert _refusal(BUSYBOX, "/bin/bash", "-c", "true") == text
    assert _refusal(PAUSE, "sh", "-c", "true") == 'exec: "sh": executable file not found in $PATH'


# The built-ins, by the ways to call them.


@pytest.mark.parametrize(
    "argv",
    [
        ("echo", "hi"),
        ("/bin/echo", "hi"),
        ("busybox", "echo", "hi"),
        ("/bin/busybox", "/any/echo", "hi"),
        ("busybox", "busybox", "echo", "hi"),
    ],
)
@pytest.mark.parametrize("is_exec", [True, False])
def test_a_built_in_is_found_by_name_by_path_and_through_busybox(
    machine: Machine, argv: tuple[str, ...], is_exec: bool
) -> None:
    assert machine.run(*argv, is_exec=is_exec) == (0, "hi\n", "")


@pytest.mark.parametrize("image", [BUSYBOX, ALPINE, DEBIAN, NGINX])
def test_a_userland_has_the_built_ins_that_the_real_one_has(image: ImageContent) -> None:
    machine = Machine(image)
    names = [path.rpartition("/")[2] for path in image.userland.executables]
    known = [name for name in names if name in {*COMMANDS, "sh"}]
    assert {"cat", "ls", "sleep", "sh", "tar"} <= set(known)
    for name in known:
        assert machine.start([name]).process.spec.argv == (name,)


def test_busybox_without_such_an_applet_says_so(machine: Machine) -> None:
    assert machine.run("busybox", "nosuch", "x") == (127, "", "nosuch: applet not found\n")


@pytest.mark.parametrize(
    ("argv", "name"),
    [(("busybox",), "busybox"), (("busybox", "vi"), "vi"), (("busybox", "--list"), "busybox")],
)
def test_what_busybox_does_beyond_the_built_ins_is_not_simulated(
    argv: tuple[str, ...], name: str
) -> None:
    why = f' (fakecri does not simulate "{name}"; register a program for it)'
    assert _refusal(BUSYBOX, *argv) == 'exec: "busybox": executable file not found in $PATH' + why


# Servers.


@pytest.mark.parametrize(
    ("image", "argv"),
    [
        (SERVER, ("/app/server", "--port", "80")),
        (SERVER, ("./server",)),
    ],
)
@pytest.mark.parametrize("signal", ["TERM", "INT", "QUIT"])
def test_an_images_own_program_runs_until_it_is_told_to_end(
    image: ImageContent, argv: tuple[str, ...], signal: str
) -> None:
    run = Machine(image).start(argv, cwd="/app")
    assert run.goes_on()
    run.process.kill(NUMBERS[signal])
    assert run.finish() == (0, "", "")


def test_an_images_own_program_knows_the_stop_signal_of_the_image() -> None:
    image = made_image(entrypoint=("/app/server",), stop_signal="SIGWINCH")
    run = Machine(image).start(["/app/server"])
    run.process.kill(NUMBERS["WINCH"])
    assert run.goes_on(), "it has not run yet, and traps nothing"
    run.process.kill(NUMBERS["WINCH"])
    assert run.finish() == (0, "", "")


def test_a_stop_signal_that_is_none_leaves_the_usual_ones() -> None:
    run = Machine(made_image(entrypoint=("/server",), stop_signal="SIGNONE")).start(["/server"])
    assert run.goes_on()
    run.process.kill(SIGTERM)
    assert run.finish().code == 0


def test_an_exec_of_an_unknown_program_does_not_hang_as_a_server() -> None:
    with pytest.raises(MissingExecutableError, match="does not simulate"):
        Programs().find(SERVER, ["/app/server", "--version"], {}, is_exec=True)


# What is registered.


def test_something_is_registered_for_a_command_or_an_image() -> None:
    with pytest.raises(ValueError, match="for an image, a command, or both"):
        Programs().register(_saying("mine"))
    with pytest.raises(InvalidReference):
        Programs().register(_saying("mine"), image="Not An Image")


@pytest.mark.parametrize("argv", [("ls", "-l"), ("/bin/ls",), ("../bin/ls",), ("busybox", "ls")])
def test_a_bare_command_is_registered_for_every_way_to_call_it(
    machine: Machine, argv: tuple[str, ...]
) -> None:
    machine.programs.register(_saying("mine:"), command="ls")
    said = argv[1:] if argv[0] == "busybox" else argv
    assert machine.run(*argv, cwd="/etc").stdout == f"mine: {' '.join(said)}"


def test_a_registered_path_is_also_found_through_the_path_variable(machine: Machine) -> None:
    machine.programs.register(_saying("mine:"), command="/bin/ls")
    assert machine.run("ls").stdout == "mine: ls"
    assert machine.run("/bin/ls").stdout == "mine: /bin/ls"


def test_what_is_registered_as_it_stands_needs_no_executable() -> None:
    machine = Machine(PAUSE)
    machine.programs.register(_saying("path:"), command="/app")
    machine.programs.register(_saying("name:"), command="tool")
    assert machine.run("/app").stdout == "path: /app"
    assert machine.run("tool", "-v", is_exec=True).stdout == "name: tool -v"
    with pytest.raises(MissingExecutableError, match="stat /bin/tool: no such file"):
        machine.run("/bin/tool")


def test_a_registered_command_replaces_a_built_in_also_under_env(machine: Machine) -> None:
    machine.programs.register(_saying("mine:"), command="date")
    assert machine.run("date").stdout == "mine: date"
    assert machine.run("env", "A=1", "date", "-u").stdout == "mine: date -u"


def test_what_is_registered_for_an_image_is_its_main_process_whatever_that_is() -> None:
    machine = Machine(SERVER)
    machine.programs.register(_saying("mine:"), image="app")
    for argv in (["/app/server"], ["sh", "-c", "exec server"], ["/no/such"], ["sleep", "1"]):
        said = machine.run(*argv, image_names=[IMAGE_NAME]).stdout
        assert said == f"mine: {' '.join(argv)}"


def test_what_is_registered_for_an_image_is_no_exec_in_it(machine: Machine) -> None:
    machine.programs.register(_saying("mine:"), image="app")
    assert machine.run("echo", "hi", image_names=[IMAGE_NAME], is_exec=True).stdout == "hi\n"


@pytest.mark.parametrize("image", ["app", "app:latest", "docker.io/library/app", IMAGE_NAME])
def test_an_image_is_registered_by_any_of_its_spellings(machine: Machine, image: str) -> None:
    machine.programs.register(_saying("mine:"), image=image)
    assert machine.run("true", image_names=["other", IMAGE_NAME]).stdout == "mine: true"
    assert machine.run("true", image_names=["docker.io/library/app:2"]).stdout == ""


def test_an_image_can_be_registered_by_its_id(machine: Machine) -> None:
    machine.programs.register(_saying("mine:"), image=BUSYBOX.id)
    assert machine.run("true", image_names=[IMAGE_NAME, BUSYBOX.id]).stdout == "mine: true"


def test_a_command_in_an_image_is_found_in_that_image_only(machine: Machine) -> None:
    machine.programs.register(_saying("mine:"), image="app", command="date")
    assert machine.run("date", image_names=[IMAGE_NAME], is_exec=True).stdout == "mine: date"
    assert machine.run("date", "-d", "@0", image_names=["other"]).stdout.endswith("1970\n")


def test_a_registered_command_goes_before_a_registered_image(machine: Machine) -> None:
    machine.programs.register(_saying("command:"), command="/bin/date")
    machine.programs.register(_saying("image:"), image="app")
    assert machine.run("date", image_names=[IMAGE_NAME]).stdout == "command: date"


def test_the_later_registration_wins_until_it_is_taken_back(machine: Machine) -> None:
    unregister_first = machine.programs.register(_saying("first:"), command="date")
    unregister_second = machine.programs.register(_saying("second:"), command="date")
    assert machine.run("date").stdout == "second: date"
    unregister_second()
    unregister_second()
    assert machine.run("date").stdout == "first: date"
    unregister_first()
    assert machine.run("date", "+mine").stdout == "mine\n"


def test_a_registered_generator_sleeps_and_is_stopped_like_any_program(machine: Machine) -> None:
    def worker(process: Process) -> Waits[int]:
        process.trap(SIGTERM)
        while True:
            process.write(b".")
            yield from process.sleep(1)

    machine.programs.register(worker, command="worker")
    run = machine.start(["worker"])
    machine.scheduler.advance_to(machine.scheduler.now_ns + 2_500_000_000)
    run.process.kill(SIGTERM)
    assert run.finish() == (143, "...", "")


# The shell.


@pytest.mark.parametrize(
    ("image", "argv"),
    [
        (BUSYBOX, ("sh", "-c", "echo shell")),
        (BUSYBOX, ("/bin/ash", "-c", "echo shell")),
        (BUSYBOX, ("busybox", "sh", "-c", "echo shell")),
        (BUSYBOX, ("env", "A=1", "sh", "-c", "echo shell")),
        (DEBIAN, ("bash", "-c", "echo shell")),
        (DEBIAN, ("dash", "-c", "echo shell")),
    ],
)
def test_a_shell_of_any_name_runs_its_script(image: ImageContent, argv: tuple[str, ...]) -> None:
    assert Machine(image).run(*argv) == (0, "shell\n", "")


def test_a_command_registered_by_the_name_of_a_shell_goes_before_the_shell(
    machine: Machine,
) -> None:
    machine.programs.register(_saying("mine:"), command="sh")
    assert machine.run("/bin/sh", "-c", "true").stdout == "mine: /bin/sh -c true"
