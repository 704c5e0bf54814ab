"""How wide a text is in Grafana.

Grafana writes in Inter, 14 pixels high and 0.15 pixels apart. Titles of panels and headers of tables have weight 500,
and cells 400 (createTypography.ts of @grafana/data 12.4.0, the variants h6 and body). The numbers are the advance
widths of the font in thousandths of its size (hmtx of Inter 4.001, as @fontsource/inter 5.3.0 has the font). Kerning
is left out. In a screenshot of Grafana 12.4.0, "Uncorrected ECC errors" has 162 pixels in a header, and "NVIDIA
A100-SXM4-80GB" 176 in a cell. Here they have 164 and 178, with the space that each letter has on its sides.
"""

from __future__ import annotations

SIZE = 14
SPACING = 0.15
# From the space to the tilde, as in ASCII.
_REGULAR = """
    281 288 466 633 642 982 644 300 365 365 501 662 288 460 288 360 631 407 610 618 646 593 620 566 619 620
    288 302 662 662 662 511 966 690 654 730 722 601 590 746 743 269 571 672 565 903 753 765 639 765 644 642
    646 744 690 985 682 679 629 365 360 365 471 456 323 562 612 571 612 583 370 613 591 242 242 549 242 876
    591 600 612 612 376 528 327 591 562 818 546 562 552 426 333 426 662
"""
_MEDIUM = """
    267 304 494 639 646 993 653 313 369 369 521 667 303 462 303 370 646 415 616 627 656 603 630 571 629 630
    303 315 667 667 667 527 982 709 657 733 722 603 589 748 745 272 575 688 565 913 756 767 642 769 648 646
    653 740 709 1003 701 696 641 369 370 369 477 463 337 568 618 577 618 587 379 620 602 252 252 559 252 888
    602 604 618 618 387 539 340 602 575 829 557 575 559 440 346 440 667
"""
_DEGREE = 457


def _table(widths: str) -> dict[str, int]:
    numbers = map(int, widths.split())
    return {**{chr(code): width for code, width in enumerate(numbers, start=ord(" "))}, "°": _DEGREE}


_WIDTHS = {400: _table(_REGULAR), 500: _table(_MEDIUM)}


def pixels(text: str, weight: int) -> float:
    """The width of a text in pixels. KeyError for a character that the texts of the dashboards do not have."""
    return sum(_WIDTHS[weight][character] for character in text) * SIZE / 1000 + SPACING * len(text)
