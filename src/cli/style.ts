/** How text is set off on a terminal; each returns the text unchanged where colours are not wanted. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly cyan: (text: string) => string;
}

/** SGR sequences of ECMA-48, or nothing. */
export function createStyle(colours: boolean): Style {
  const sgr =
    (on: number, off: number) =>
    (text: string): string =>
      colours && text !== "" ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  return {
    bold: sgr(1, 22),
    dim: sgr(2, 22),
    red: sgr(31, 39),
    green: sgr(32, 39),
    yellow: sgr(33, 39),
    cyan: sgr(36, 39),
  };
}

/** Whether a stream shows colours: a terminal that is not dumb, and nobody said `NO_COLOR` (no-color.org). */
export function wantsColours(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && env.TERM !== "dumb" && (env.NO_COLOR ?? "") === "";
}
