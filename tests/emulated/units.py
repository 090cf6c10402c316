"""A plugin of pytest: torch says that the processor has the units that amx.c emulates."""

from __future__ import annotations

import torch

torch.cpu._is_amx_tile_supported = lambda: True
