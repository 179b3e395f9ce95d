"""The open tools that `garant-bench` holds the checks of secure-consumer against, on one thread.

    secure_consumer_speed.py IBANS SIRENS PHONES EMAILS   a JSON line for each tool

Each file has a JSON string a line; phones are as people in France write them.
"""

import json
import sys
import time
import warnings
from importlib.metadata import version

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from schwifty import IBAN
from schwifty.exceptions import SchwiftyException
from stdnum import iban
from stdnum.fr import siren

WARM_UP = 1_000


def by_schwifty(text):
    try:
        return IBAN(text, validate_bban=True) is not None
    except SchwiftyException:
        return False


def by_phonenumbers(text):
    try:
        number = phonenumbers.parse(text, "FR")
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.number_type(number) != phonenumbers.PhoneNumberType.UNKNOWN


def by_email_validator(text):
    try:
        return validate_email(text, check_deliverability=False) is not None
    except EmailNotValidError:
        return False


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def measure(check, distribution, is_valid, texts):
    for text in texts[:WARM_UP]:
        is_valid(text)
    started = time.process_time()
    valid = sum(map(is_valid, texts))
    per_second = len(texts) / (time.process_time() - started)
    tool = f"{distribution} {version(distribution)}"
    print(json.dumps({"check": check, "tool": tool, "per_second": per_second, "valid": valid}))


def main(ibans, sirens, phones, emails):
    # That a country's key is not known to it is what schwifty warns of.
    warnings.simplefilter("ignore")
    measure("iban", "schwifty", by_schwifty, lines(ibans))
    measure("iban", "python-stdnum", iban.is_valid, lines(ibans))
    measure("siren", "python-stdnum", siren.is_valid, lines(sirens))
    measure("phone", "phonenumbers", by_phonenumbers, lines(phones))
    measure("email", "email-validator", by_email_validator, lines(emails))


main(*sys.argv[1:])
