"""`dd`: copies in blocks, and counts them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fakecri.core.applets import Applet, Refusal, Surroundings
from fakecri.core.options import UsageError
from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.tools.pacing import Pace
from fakecri.core.tools.words import human, reason, sized_number

_NUMBERS = frozenset({"bs", "ibs", "obs", "count", "skip", "seek"})
_FLAGS: Mapping[str, tuple[str, ...]] = {
    "conv": ("notrunc", "sync", "noerror", "fsync", "swab"),
    "iflag": ("skip_bytes", "count_bytes", "fullblock", "direct"),
    "oflag": ("seek_bytes", "append", "direct"),
}
_LARGEST = 1 << 30
_DEFAULT_BLOCK = 512


@dataclass
class _Order:
    """What the command line says."""

    source: str = ""
    target: str = ""
    status: str = ""
    numbers: dict[str, int] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)

    @property
    def read_size(self) -> int:
        return self.numbers.get("bs", self.numbers.get("ibs", _DEFAULT_BLOCK))

    @property
    def write_size(self) -> int:
        return self.numbers.get("bs", self.numbers.get("obs", _DEFAULT_BLOCK))


def copy_blocks(process: Process, _: Surroundings) -> Waits[int]:
    """`dd`."""
    order = _read_order(process.spec.argv[1:])
    use = getattr(process, "use", None)
    if use is not None:
        use(memory_bytes=order.read_size)
    copy = _Copy(process, order)
    try:
        yield from copy.open()
        yield from copy.run()
    finally:
        copy.close()
    if order.status != "none":
        copy.report()
    return 0


def _read_order(words: tuple[str, ...]) -> _Order:
    order = _Order()
    for word in words:
        if word == "--":
            continue
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError
        if name in _NUMBERS:
            order.numbers[name] = _number(name, value)
        elif name == "if":
            order.source = value
        elif name == "of":
            order.target = value
        elif name == "status":
            if value not in {"none", "noxfer"}:
                raise Refusal(f"invalid argument '{value}' to 'status'")
            order.status = value
        elif name in _FLAGS:
            order.flags.update(_flags(name, value))
        else:
            raise UsageError
    return order


def _number(name: str, value: str) -> int:
    number = sized_number(value)
    if number == 0 and name in {"bs", "ibs", "obs"}:
        raise Refusal(f"number {value} is not in 1..{2**63 - 1} range")
    return number


def _flags(name: str, value: str) -> list[str]:
    words = value.split(",")
    for word in words:
        if word not in _FLAGS[name]:
            raise Refusal(f"invalid argument '{word}' to '{name}'")
    return words


class _Copy:
    def __init__(self, process: Process, order: _Order) -> None:
        self.process = process
        self.order = order
        self.source: Any = None
        self.target: Any = None
        self.began_ns = process.scheduler.now_ns
        self.pace = Pace(process)
        self.read = [0, 0]
        self.written = [0, 0]
        self.total = 0
        self.held = b""

    def open(self) -> Waits[None]:
        order = self.order
        if max(order.read_size, order.write_size) > _LARGEST:
            raise Refusal("memory exhausted")
        if order.source:
            self.source = yield from self.opened(order.source, "r")
        if order.target:
            is_cut = "notrunc" not in order.flags and "append" not in order.flags
            flags = "a" if "append" in order.flags else "w"
            if (not is_cut and "append" not in order.flags) or (
                is_cut and order.numbers.get("seek")
            ):
                flags = "r+" if self.process.files.exists(order.target) else "w"
            self.target = yield from self.opened(order.target, flags)
            self.seek(is_cut=is_cut)

    def opened(self, path: str, flags: str) -> Waits[Any]:
        try:
            return (yield from self.process.files.opening(path, flags))
        except OSError as error:
            raise Refusal(f"can't open '{path}': {reason(error)}") from error

    def seek(self, *, is_cut: bool) -> None:
        order = self.order
        seek = order.numbers.get("seek", 0)
        place = seek if "seek_bytes" in order.flags else seek * order.write_size
        if not seek:
            return
        try:
            if is_cut and self.target.stat().kind == "file":
                self.target.truncate(place)
            self.target.seek(place)
        except OSError as error:
            raise Refusal(f"{order.target}: {reason(error)}") from error

    def close(self) -> None:
        for each in (self.source, self.target):
            if each is not None:
                each.close()

    def run(self) -> Waits[None]:
        order = self.order
        yield from self.skip()
        count = order.numbers.get("count", -1)
        in_bytes = "count_bytes" in order.flags
        while count != 0:
            wanted = min(order.read_size, count) if in_bytes and count > 0 else order.read_size
            block = yield from self.next_block(wanted)
            if not block:
                break
            is_full = len(block) == order.read_size
            self.read[not is_full] += 1
            if not is_full and "sync" in order.flags:
                block = block.ljust(order.read_size, b"\0")
            if "swab" in order.flags:
                block = _swapped(block)
            if count > 0:
                count -= len(block) if in_bytes else 1
            yield from self.put(block)
        if self.held:
            held, self.held = self.held, b""
            yield from self.write(held)

    def skip(self) -> Waits[None]:
        order = self.order
        skip = order.numbers.get("skip", 0)
        left = skip if "skip_bytes" in order.flags else skip * order.read_size
        if left and hasattr(self.source, "seek") and self.source.stat().kind == "file":
            self.source.seek(left)
            return
        while left > 0:
            block = yield from self.next_block(min(left, order.read_size))
            if not block:
                return
            left -= len(block)

    def next_block(self, size: int) -> Waits[bytes]:
        block = yield from self.next_chunk(size)
        while len(block) < size and "fullblock" in self.order.flags:
            more = yield from self.next_chunk(size - len(block))
            if not more:
                break
            block += more
        return block

    def next_chunk(self, size: int) -> Waits[bytes]:
        try:
            if hasattr(self.source, "read_now"):
                return bytes(self.source.read_now(size))
            reader = self.process.stdin if self.source is None else self.source
            chunk: bytes = yield from reader.read()
        except OSError as error:
            raise Refusal(f"{self.order.source or 'standard input'}: {reason(error)}") from error
        reader.unread(chunk[size:])
        return chunk[:size]

    def put(self, block: bytes) -> Waits[None]:
        if "bs" in self.order.numbers or self.order.read_size == self.order.write_size:
            yield from self.write(block)
            return
        self.held += block
        size = self.order.write_size
        while len(self.held) >= size:
            whole, self.held = self.held[:size], self.held[size:]
            yield from self.write(whole)

    def write(self, block: bytes) -> Waits[None]:
        try:
            if self.target is None:
                self.process.write(block)
                yield from self.process.drain()
            else:
                self.target.write(block)
                yield from self.target.room()
        except OSError as error:
            place = self.order.target or "standard output"
            self.report()
            raise Refusal(f"error writing '{place}': {reason(error)}") from error
        self.written[len(block) != self.order.write_size] += 1
        self.total += len(block)
        yield from self.pace.moved(len(block))

    def report(self) -> None:
        text = f"{self.read[0]}+{self.read[1]} records in\n"
        text += f"{self.written[0]}+{self.written[1]} records out\n"
        if not self.order.status:
            spent_s = (self.process.scheduler.now_ns - self.began_ns) / SECOND_NS
            rate = int(self.total / spent_s) if spent_s else 0
            text += f"{self.total} bytes ({human(self.total)}B) copied, {spent_s:.6f} seconds,"
            text += f" {human(rate)}B/s\n"
        self.process.error(text.encode())


def _swapped(block: bytes) -> bytes:
    swapped = bytearray(block)
    even = len(block) // 2 * 2
    swapped[0:even:2], swapped[1:even:2] = block[1:even:2], block[0:even:2]
    return bytes(swapped)


COMMANDS = {
    "dd": Applet(copy_blocks, "[if=FILE] [of=FILE] [ibs=N obs=N/bs=N] [count=N] [skip=N] [seek=N]"),
}
