"""A rendered pendulum that random torques push: made here, the actions a part of every batch."""
