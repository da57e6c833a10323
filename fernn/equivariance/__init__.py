"""The law of flow equivariance: measured, asserted, and used to predict how a network answers to drifting clips."""

from fernn.equivariance.error import assert_flow_equivariant, drift, equivariance_error

__all__ = ["assert_flow_equivariant", "drift", "equivariance_error"]
