"""Acquisition functions: which regions should be annotated next?"""
