"""Clips for video prediction: Moving MNIST, and windows of KTH."""
