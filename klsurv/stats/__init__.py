"""Survival statistics: small counted tables in, tables out; scipy and numpy where expressions end."""
