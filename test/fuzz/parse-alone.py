"""Schemathesis loads this before it runs.

CPython 3.11 ends ast.parse with a SystemError when another one runs in its middle (issue 106905): a finalizer that the
garbage collector calls there, or another thread. So one runs at a time, and nothing is collected meanwhile.
"""

import ast
import gc
import threading

_parse = ast.parse
_alone = threading.RLock()


def _parse_alone(*args, **kwargs):
    with _alone:
        was_on = gc.isenabled()
        gc.disable()
        try:
            return _parse(*args, **kwargs)
        finally:
            if was_on:
                gc.enable()


ast.parse = _parse_alone
