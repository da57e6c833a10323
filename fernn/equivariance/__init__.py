"""Flow equivariance: measured, asserted, and used to predict how a network answers to drifting clips.

``error`` has the equivariance error of any network, ``trained`` that of a trained one in each precision,
``drift_logits`` a classifier's logits for every velocity from one pass over still clips.
"""

from fernn.equivariance.error import assert_flow_equivariant, drift, equivariance_error

__all__ = ["assert_flow_equivariant", "drift", "equivariance_error"]
