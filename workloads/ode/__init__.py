"""Recurrent cells that are differential equations: wirings, cells, solvers, and the work they take per token.

Liquid time-constant networks and neural circuit policies follow a convolution head tick by tick; a neural ODE block
stands between convolution layers. Importing loads numpy only; the calls that need ``ncps`` or ``scipy`` load them.
"""

from __future__ import annotations

from workloads.ode.cells import Cell, add_cell
from workloads.ode.cfc import CfcCell, WiredCfc
from workloads.ode.ltc import ConductanceLtc, LtcCell
from workloads.ode.multirate import Rates
from workloads.ode.neural_ode import ConvDynamics, NeuralOdeBlock, feature_maps
from workloads.ode.operations import (
    DEFAULT_UNFOLDS,
    MACS_PER_SYNAPSE,
    Operations,
    cfc_operations,
    cfc_parameters,
    library_parameters,
    library_trainable_parameters,
    ltc_derivative_operations,
    ltc_operations,
    ltc_sensory_operations,
    solver_operations,
    synapse_evaluations,
    wired_cfc_operations,
)
from workloads.ode.problems import cubic_spiral, decay, driven, three_waves, van_der_pol
from workloads.ode.solvers import SolverTrace, integrate_adaptive, integrate_each, integrate_fixed, integrate_held
from workloads.ode.wiring import NEURON_TYPES, Synapse, Wiring
from workloads.ode.wiring_files import format_wiring, read_wiring, write_wiring
from workloads.ode.wirings import auto_ncp, from_ncps, fully_connected, lane_keeping, ncp, random_wiring

__all__ = [
    "DEFAULT_UNFOLDS",
    "MACS_PER_SYNAPSE",
    "NEURON_TYPES",
    "Cell",
    "CfcCell",
    "ConductanceLtc",
    "ConvDynamics",
    "LtcCell",
    "NeuralOdeBlock",
    "Operations",
    "Rates",
    "SolverTrace",
    "Synapse",
    "WiredCfc",
    "Wiring",
    "add_cell",
    "auto_ncp",
    "cfc_operations",
    "cfc_parameters",
    "cubic_spiral",
    "decay",
    "driven",
    "feature_maps",
    "format_wiring",
    "from_ncps",
    "fully_connected",
    "integrate_adaptive",
    "integrate_each",
    "integrate_fixed",
    "integrate_held",
    "lane_keeping",
    "library_parameters",
    "library_trainable_parameters",
    "ltc_derivative_operations",
    "ltc_operations",
    "ltc_sensory_operations",
    "ncp",
    "random_wiring",
    "read_wiring",
    "solver_operations",
    "synapse_evaluations",
    "three_waves",
    "van_der_pol",
    "wired_cfc_operations",
    "write_wiring",
]
