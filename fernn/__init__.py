"""Flow equivariant recurrent networks and the models they are measured against."""
