"""Kinds of cameras."""
