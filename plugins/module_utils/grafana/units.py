# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The units of Grafana. Any other text is a custom unit, which panels show behind the number. Pure."""

import difflib
from typing import Optional

# Ids of Grafana 9 to 13 (grafana/grafana, packages/grafana-data/src/valueFormats/categories.ts, and `farenheit`, an
# alias in valueFormats.ts).
_IDS = frozenset(
    """
    none string short sishort percent percentunit humidity dB candela hex0x hex sci locale pixel
    accMS2 accFS2 accG degree radian grad arcmin arcsec areaM2 areaF2 areaMI2 acres hectares
    flops mflops gflops tflops pflops eflops zflops yflops
    ppm conppb conngm3 conngNm3 conμgm3 conμgNm3 conmgm3 conmgNm3 congm3 congNm3 conmgdL conmmolL
    currencyUSD currencyGBP currencyEUR currencyJPY currencyRUB currencyUAH currencyBRL currencyDKK currencyISK
    currencyNOK currencySEK currencyCZK currencyCHF currencyPLN currencyBTC currencymBTC currencyμBTC currencyZAR
    currencyINR currencyKRW currencyIDR currencyPHP currencyVND currencyTRY currencyMYR currencyXPF currencyBGN
    currencyPYG currencyUYU currencyILS
    bytes decbytes bits decbits kbytes deckbytes mbytes decmbytes gbytes decgbytes tbytes dectbytes pbytes decpbytes
    pps binBps Bps binbps bps KiBs Kibits KBs Kbits MiBs Mibits MBs Mbits GiBs Gibits GBs Gbits TiBs Tibits TBs Tbits
    PiBs Pibits PBs Pbits
    dateTimeAsIso dateTimeAsIsoNoDateIfToday dateTimeAsUS dateTimeAsUSNoDateIfToday dateTimeAsLocal
    dateTimeAsLocalNoDateIfToday dateTimeAsSystem dateTimeFromNow
    watt kwatt megwatt gwatt mwatt Wm2 voltamp kvoltamp voltampreact kvoltampreact watth watthperkg kwatth kwattm mwatth
    amph kamph mamph joule ev amp kamp mamp volt kvolt mvolt dBm mohm ohm kohm Mohm farad µfarad nfarad pfarad ffarad
    henry mhenry µhenry lumens
    flowgpm flowcms flowcfs flowcfm litreh flowlpm flowmlpm lux forceNm forcekNm forceN forcekN
    Hs KHs MHs GHs THs PHs EHs massmg massg masslb masskg masst lengthmm lengthin lengthft lengthm lengthkm lengthmi
    pressurembar pressurebar pressurekbar pressurepa pressurehpa pressurekpa pressurehg pressurepsi
    radbq radci radgy radrad radsv radmsv radusv radrem radexpckg radr radsvh radmsvh radusvh
    rotrpm rothz rotkhz rotmhz rotghz rotrads rotdegs celsius fahrenheit farenheit kelvin
    hertz ns µs ms s m h d dtdurationms dtdurations dthms dtdhms timeticks clockms clocks
    cps ops reqps rps wps iops eps mps recps rowsps cpm opm reqpm rpm wpm epm mpm recpm rowspm
    velocityms velocitykmh velocitymph velocityknot mlitre litre m3 Nm3 dm3 gallons bool bool_yes_no bool_on_off
    """.split()
)
# What may follow these is free (getValueFormat in valueFormats.ts). Grafana gets new currencies with most versions.
_CUSTOM = ("prefix:", "suffix:", "time:", "si:", "count:", "currency", "bool:")
_SIMILARITY = 0.85
# Shorter text is often a unit of its own: MiB is not MiBs, mS is not ms.
_SHORTEST_TYPING_ERROR, _SHORTEST_IN_WRONG_CASE = 5, 3


def is_known(unit: str) -> bool:
    """Whether Grafana has the unit, or it is a custom one."""
    return unit in _IDS or unit.startswith(_CUSTOM) or "$" in unit or not unit


def similar(unit: str) -> Optional[str]:
    """The unit of which the text is probably a typing error; None for text that may be a custom unit, such as MiB."""
    by_small_letters = {known.lower(): known for known in sorted(_IDS)}
    small = unit.lower()
    if small in by_small_letters and len(unit) >= _SHORTEST_IN_WRONG_CASE:
        return by_small_letters[small]
    if len(unit) < _SHORTEST_TYPING_ERROR or not unit.replace("_", "").isalnum():
        return None
    matches = difflib.get_close_matches(small, by_small_letters, n=1, cutoff=_SIMILARITY)
    return by_small_letters[matches[0]] if matches else None
