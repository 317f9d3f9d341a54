"""Public names of the firmware, given words that MicroPython holds in its read-only memory anyway.

Owns: which public names are changed, the words that they are given, and the change.
Rules: a name that MicroPython does not know takes the heap 7 bytes and its text, for ever, and slows each look-up of a
text; one that it knows takes nothing. Changed is only what the firmware itself defines and reaches by name alone:
nothing that stands in a text, that a chip's, a library's or MicroPython's own object may be asked for, that a module
open to scripts states, or that a decorated function holds. The same name becomes the same word everywhere.
Units: none.
Leaves: private names and parameters to names.py.

Most look-ups are of a module on loan, each time anew, 0.2 ms each: the names that the most of these use become words
that a compiled file tells by their number alone.

The words are of the Pico's own MicroPython (1.26); one that another version lacks costs there what any name costs.
"""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterable, Iterator

from pumprig.flash.constants import PACKAGES, Trees
from pumprig.flash.parts import parts

# Scripts of a bench use these modules' names; rig.start's is in main.py, which is not rewritten.
OPEN_MODULES = (
    *("rig.start", "rig.board.config", "rig.board.pins", "rig.board.drivers"),
    *("rig.step.stepper", "rig.step.pio", "rig.step.coil_pio"),
)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TYPES = (str, bytes, bytearray, list, dict, set, frozenset, tuple, int)
# what MicroPython calls on objects that stand in for its own: files, file systems, generators
CALLED = _words(
    "mount umount stat open ioctl readblocks writeblocks readinto readline read write seek send throw close flush "
    "path tell getcwd chdir ilistdir mkdir rmdir rename unlink remove statvfs pend_throw value"
)
# names of the firmware that MicroPython knows anyway, many of them as what the chip's objects are asked for
KNOWN = _words(
    "self INT LED PERIODIC active add align append args board cancel clear close code collect config count "
    "ctrl data default difference digest discard done end feed fill find flow function get hard high "
    "index key line load log low machine micropython mode mount name off on open pack path period phase "
    "poll ptr32 put random rate read release reset reset_cause restart reverse size span split start stat "
    "state step stop text ticks_diff ticks_us time_ns umount unpack value values version viper write"
)
# of these a compiled file keeps the number: no look-up at all
NUMBERED = _words("""
bytecode sep NoneType ArithmeticError AssertionError EOFError Ellipsis GeneratorExit IndentationError
KeyboardInterrupt LookupError OverflowError ZeroDivisionError callable classmethod copy globals isalpha
islower isspace isupper locals lstrip map popitem pow rindex rsplit rstrip sort upper BaseException
SyntaxError SystemExit RuntimeError NameError AttributeError ImportError IndexError KeyError TypeError
all any chr dir eval exec hash id iter object ord repr rfind setdefault super issubclass
""")
WORDS = _words("""
a2b_base64 abs_tol acos acosh acquire add_program addr aes ahb_err alloc_emergency_exception_buf
allocate_lock and_ appendleft argv asin asinh asr atan atan2 atanh b baudrate bitstream bl blit
bootloader bootsel_button bound_method bswap buffering builtin_driver bx bytearray_at byteorder bytes_at
callback ceil choice closure clz cmp control_xfer_cb copysign cos cosh cpsid cpsie cpu crc8 cts datetime
decrypt deepsleep degrees deinit deleter deque dht_readinto dict_view disable_irq doc dump dumps dupterm
dupterm_notify duty_ns e ellipse enable_irq encoding encrypt ep_max erf erfc errorcode execfile exp
expm1 fabs factorial fill_rect firstbit flags floor fmod frexp gamma get_ident getrandbits getter
getvalue gmtime group groups handler heap_lock heap_unlock heapify heappop heappush high_pri hline ibuf
in_shiftdir indices inf init invert irq isclose isenabled isfinite isinf isnan iterable iterator itf_max
keepends ldexp ldr ldrb ldrex ldrh lgamma libc_ver lightsleep listdir loads localtime lock log10 log2
lookahead lsl lsr maxsize mem mem16 mem8 mem_addrsize mem_info memaddr miso mkfs mktime modf modify mosi
movt movw movwt mrs mtime namedtuple nan newline nodename open_itf_cb opt_level parity peek pixel polar
polarity poly popleft print_exception prog progsize ps1 ps2 ptr ptr16 ptr8 pull_thresh push push_thresh
python_compiler qstr_info r radians randint randrange rbit read_err readbit readbyte readlines readonly
readsize rect registers rel_tol remote_wakeup reset_cb rts rx rx_fifo rxbuf scan schedule sck scroll sd
sdiv search seed sendbreak separators set_base setter sha1 shift sinh sizeof sleep sniff_en soft_reset
sqrt stack_size stack_use start_new_thread state_machine stderr str_max strb strex strh sub submit_xfer
sync sysname tan tanh tau threshold tick_hz ticks_add ticks_cpu ticks_ms time_pulse_us timeout_char
toggle trunc tx tx_fifo txbuf txdone udiv uint uname uniform unpack_ctrl unpack_from unregister unsafe
wfi write_err write_readinto writebit writebyte writevto ws xfer_cb ALT ALT_GPCK ALT_I2C ALT_PIO0
ALT_PIO1 ALT_PWM ALT_SIO ALT_SPI ALT_UART ALT_USB ARRAY AUTO BFINT16 BFINT32 BFINT8 BFUINT16 BFUINT32
BFUINT8 BF_LEN BF_POS BIG_ENDIAN BUILTIN_CDC BUILTIN_DEFAULT BUILTIN_NONE CORE_TEMP CTS CancelledError
DeflateIO EACCES EADDRINUSE EAGAIN EALREADY EBADF ECONNABORTED ECONNREFUSED ECONNRESET EEXIST
EHOSTUNREACH EINPROGRESS EINVAL EIO EISDIR ENOBUFS ENODEV ENOENT ENOMEM ENOTCONN EOPNOTSUPP EPERM
ETIMEDOUT FLOAT32 FLOAT64 FileIO FrameBuffer FrameBuffer1 GP0 GP1 GP10 GP11 GP12 GP13 GP14 GP15 GP16
GP17 GP18 GP19 GP2 GP20 GP21 GP22 GP25 GP26 GP27 GP28 GP3 GP4 GP5 GP6 GP7 GP8 GP9 GPCK GPIO0 GPIO1
GPIO10 GPIO11 GPIO12 GPIO13 GPIO14 GPIO15 GPIO16 GPIO17 GPIO18 GPIO19 GPIO2 GPIO20 GPIO21 GPIO22 GPIO23
GPIO24 GPIO25 GPIO26 GPIO27 GPIO28 GPIO29 GPIO3 GPIO4 GPIO5 GPIO6 GPIO7 GPIO8 GPIO9 GS2_HMSB GS4_HMSB
GS8 GZIP I2CTarget I2S INT16 INT32 INT64 INT8 INV_RX INV_TX IN_HIGH IN_LOW IOBase IRQ_ADDR_MATCH_READ
IRQ_ADDR_MATCH_WRITE IRQ_BREAK IRQ_END_READ IRQ_END_WRITE IRQ_FALLING IRQ_READ_REQ IRQ_RISING IRQ_RXIDLE
IRQ_SM0 IRQ_SM1 IRQ_SM2 IRQ_SM3 IRQ_TXIDLE IRQ_WRITE_REQ JOIN_NONE JOIN_RX JOIN_TX LITTLE_ENDIAN LONG
LONGLONG LSB LockType MONO MONO_HLSB MONO_HMSB MONO_VLSB MSB MVLSB NATIVE ONE_SHOT OPEN_DRAIN OUT_HIGH
OrderedDict PIO0 PIO1 POLLERR POLLHUP PTR PULL_DOWN PWRON_RESET PinAF RAW RGB565 RTC RTS RX RingIO
SHIFT_LEFT SHORT SIO SPI STEREO Signal SoftI2C SoftSPI StringIO TX TextIOWrapper Timer UART UINT UINT16
UINT32 UINT64 UINT8 ULONG ULONGLONG USB USBDevice USHORT VOID VfsFat VfsLfs2 ViperTypeError WDT_RESET
ZLIB alt desc_cfg desc_dev desc_strs readfrom_into readfrom_mem_into vcmp vcvt_f32_s32 vcvt_s32_f32
version_info vldr vline vmov vmrs vneg vsqrt vstr NotImplemented StopAsyncIteration bin center cmath
collections complex cryptolib deflate difference_update errno filter float framebuf fromhex fromkeys
frozenset heapq imag input intersection intersection_update isdisjoint issubset issuperset json module
oct onewire platform real slice splitlines symmetric_difference symmetric_difference_update union usys
""")


def borrow(trees: Trees, kept: Iterable[str] = ()) -> None:
    """Rename in all modules, by dotted name; `kept` names are asked for by somebody else."""
    found: set[str] = set()
    taken = {*kept, *CALLED, *KNOWN} | set(dir(builtins)) | _modules(trees)
    taken |= {name for kind in TYPES for name in dir(kind)}
    used: set[str] = set()
    for module, tree in trees.items():
        own = set(_defined(tree))
        found |= own
        used.update(_names(tree))
        if module in OPEN_MODULES or module.partition(".")[0] not in PACKAGES:
            taken |= {name for name in own if not name.startswith("_")}
        reached = set(_reached_otherwise(tree))
        taken |= reached
        used |= reached
    names = sorted((name for name in found - taken if _may_change(name)), key=lambda name: (-len(name), name))
    free = [word for word in NUMBERED + WORDS if word not in used | set(kept) | _modules(trees)]
    numbered = sum(word in NUMBERED for word in free)
    times = Counter(name for module in _on_loan(trees) for name in set(_names(trees[module])))
    often = sorted(names, key=lambda name: -times[name])[:numbered]
    rest = [name for name in names if name not in often]
    renamer = _Borrower(dict(zip(often + rest, free, strict=False)))
    for tree in trees.values():
        renamer.visit(tree)


def _on_loan(trees: Trees) -> list[str]:
    """The modules that rig.lend names, and those that it is asked for by their folder and name."""
    told = (node.value for tree in trees.values() for node in parts(tree) if isinstance(node, ast.Constant))
    return sorted({name for name in told if isinstance(name, str) and name in trees})


def names_in(text: str) -> set[str]:
    """Every name in a file that is not rewritten."""
    return set(_names(ast.parse(text)))


def _may_change(name: str) -> bool:
    """Public names, and what names.py has made of private ones."""
    return not name.startswith("_") or (name[1:].isalnum() and len(name) <= 3)


def _modules(trees: Trees) -> set[str]:
    """Every part of a module's dotted name."""
    return {part for module in trees for part in module.split(".")}


def _names(tree: ast.AST) -> Iterator[str]:
    """Every name in a tree."""
    for node in parts(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.keyword(arg=name) | ast.ExceptHandler(name=name):
                yield name or ""
            case ast.alias():
                yield from node.name.split(".")
                yield node.asname or ""
            case ast.Global() | ast.Nonlocal():
                yield from node.names
            case _:
                pass


def _defined(tree: ast.Module) -> Iterator[str]:
    """Names of functions, classes, attributes, parameters and of a module's and a class's own variables."""
    for node in parts(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.arg(arg=name) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.ClassDef(name=name, body=body):
                yield name
                yield from _assigned(body)
            case _:
                pass
    yield from _assigned(tree.body)


def _assigned(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        for inner in parts(node) if isinstance(node, ast.Assign | ast.For) else ():
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                yield inner.id


def _reached_otherwise(tree: ast.AST) -> Iterator[str]:
    """Names that stand in texts, in functions that a decorator reads, and those of foreign modules."""
    for node in parts(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
            yield from node.value.split(".")
        elif isinstance(node, ast.FunctionDef) and any(not _is_property(d) for d in node.decorator_list):
            yield from _names(node)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from alias.name.split(".")
                yield alias.asname or ""
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] not in PACKAGES:
            for alias in node.names:
                yield alias.asname or alias.name


def _is_property(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Name) and decorator.id in ("property", "staticmethod")


class _Borrower(ast.NodeTransformer):
    """Changes names wherever they stand."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for field in ("id", "attr", "arg", "name", "asname"):
            name = getattr(node, field, None)
            if isinstance(name, str):
                setattr(node, field, self._names.get(name, name))
        if isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [self._names.get(name, name) for name in node.names]
        return super().generic_visit(node)
