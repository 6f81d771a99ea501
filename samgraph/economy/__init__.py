"""A simulated economy whose truth is known: taxonomy, companies, reports, labels, returns, bars.

Every part draws from a random stream of its own, so two economies of one seed that differ in one
parameter (say, `signal`) share everything that the parameter does not touch.
"""
