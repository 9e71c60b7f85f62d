"""Spiking networks: real neuron dynamics, event-driven synapses with shared weights, input coding and statistics."""

from __future__ import annotations
