"""What code that is not ours may end in while it computes; torch's own refusals (RuntimeError, ValueError) apart."""

from __future__ import annotations

FOREIGN = (OSError, ArithmeticError, AssertionError, AttributeError, LookupError, NameError, TypeError)
