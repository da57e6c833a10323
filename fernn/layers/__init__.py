"""Layers of networks: modules and functions of tensors that know no config. Imports :mod:`fernn.flows` alone."""
