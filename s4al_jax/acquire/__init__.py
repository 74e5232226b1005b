"""Questions to a network: what should a person look at next?"""
