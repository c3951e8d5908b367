/**
 * An independent reading of url-encoded forms.
 *
 * @module
 */

const utf8 = new TextEncoder();

/** Whether a `Content-Type` is that of a form. */
export function isFormType(type: string | null): boolean {
  return (type ?? "").split(";")[0].trim().toLowerCase() === "application/x-www-form-urlencoded";
}

/** The names and values of a form, as they are written. */
export function pairsOf(form: string): [name: string, value: string][] {
  return form.split("&").map((pair) => {
    const at = pair.indexOf("=");
    return at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
  });
}

/** UTF-8, a byte order mark being a character like others; undefined if it is not that. */
export function strictText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Percent-decoded UTF-8; undefined if it is not that. */
export function decodedForm(text: string): string | undefined {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "%") {
      const digits = text.slice(at + 1, at + 3);
      if (!/^[0-9a-f]{2}$/i.test(digits)) return undefined;
      bytes.push(Number.parseInt(digits, 16));
      at += 2;
    } else if (text[at] === "+") bytes.push(0x20);
    else {
      const letter = String.fromCodePoint(text.codePointAt(at)!);
      bytes.push(...utf8.encode(letter));
      at += letter.length - 1;
    }
  }
  return strictText(Uint8Array.from(bytes));
}
