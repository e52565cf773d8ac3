"""
If γ and β can undo it, why normalize?
======================================
"""
