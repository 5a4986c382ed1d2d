"""The temperature sensor of the processor, among all that Linux knows.

Drives, radios and batteries have sensors too, and reading one may wake its device; so one file is
chosen at start and only that is read. (Kernel: Documentation/ABI/testing/sysfs-class-thermal and
sysfs-class-hwmon: both give thousandths of a degree Celsius.)
"""

from __future__ import annotations

from pathlib import Path

#: Names of sensors that sit in or at the processor, best first.
_PROCESSOR = (
    "coretemp", "k10temp", "zenpower", "x86_pkg_temp",
    "cpu-thermal", "cpu_thermal", "soc-thermal", "soc_thermal", "bcm2835_thermal",
)  # fmt: skip


def find_sensor(root: Path = Path("/sys/class")) -> Path | None:
    """The file to read, or None if there is no sensor. Reads names only, which never waits."""
    ranked = []
    for file, label, known_only in (
        *((zone, zone.with_name("type"), False) for zone in root.glob("thermal/thermal_zone*/temp")),
        *((chip, chip.with_name("name"), True) for chip in root.glob("hwmon/hwmon*/temp1_input")),
    ):
        try:
            kind = label.read_text().strip()
        except OSError:
            continue
        if kind in _PROCESSOR:
            ranked.append((_PROCESSOR.index(kind), str(file)))
        elif not known_only:  # a thermal zone is about the board, an unknown hwmon about anything
            ranked.append((len(_PROCESSOR), str(file)))
    return Path(min(ranked)[1]) if ranked else None


def read_sensor(file: Path) -> float:
    """Degrees Celsius. Blocks; raises OSError, also for a sensor that is asleep."""
    try:
        return int(file.read_text()) / 1000
    except ValueError as error:
        raise OSError(f"{file}: {error}") from None
