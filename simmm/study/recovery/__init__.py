"""Recovery: do estimators find what generated worlds were made with, and do intervals cover it?"""
