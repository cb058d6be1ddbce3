"""The grammar, from tokens to nodes; one module a family of rules, each building on the one before.

stream -> numerals -> scripts -> quantities -> functions -> commands -> expression
-> labels -> brackets -> wording -> statement
"""

from __future__ import annotations
