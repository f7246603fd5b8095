/** One way in which a server wants to be asked: `Bearer realm="…",service="…"` (RFC 9110, section 11.6.1). */
export interface Challenge {
  readonly scheme: string;
  /** Names as they were written; empty where the scheme has a token68 or nothing. */
  readonly parameters: readonly (readonly [string, string])[];
}

const TOKEN = /[!#$%&'*+.^_`|~\w-]+/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/sy;
const SPACE = /[ \t]*/y;

/**
 * Reads a `WWW-Authenticate` header, which may have several challenges.
 * @returns undefined where it cannot be read
 */
export function parseChallenges(header: string): readonly Challenge[] | undefined {
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(header) ?? undefined;
    if (found !== undefined) at = pattern.lastIndex;
    return found;
  };
  const challenges: { scheme: string; parameters: [string, string][] }[] = [];
  for (;;) {
    take(SPACE);
    if (at >= header.length) return challenges;
    if (header[at] === ",") {
      at++;
      continue;
    }
    const word = take(TOKEN)?.[0];
    if (word === undefined) return undefined;
    const afterWord = at;
    take(SPACE);
    const current = challenges.at(-1);
    if (header[at] !== "=" || current === undefined) {
      // A scheme, the next word of which is a parameter, or a scheme too.
      at = afterWord;
      challenges.push({ scheme: word, parameters: [] });
      continue;
    }
    at++;
    take(SPACE);
    const quoted = take(QUOTED)?.[1]?.replace(/\\(.)/gs, "$1");
    const value = quoted ?? take(TOKEN)?.[0];
    if (value === undefined) return undefined;
    current.parameters.push([word, value]);
  }
}

/** The header that says this. */
export function formatChallenges(challenges: readonly Challenge[]): string {
  return challenges
    .map(({ scheme, parameters }) =>
      [scheme, parameters.map(([name, value]) => `${name}="${value.replace(/["\\]/g, "\\$&")}"`).join(",")]
        .filter((part) => part !== "")
        .join(" "),
    )
    .join(", ");
}

/** The address of the token service that a header names; the first, if there are several. */
export function bearerRealm(header: string | null): string | undefined {
  const bearer = parseChallenges(header ?? "")?.find(({ scheme }) => scheme.toLowerCase() === "bearer");
  return bearer?.parameters.find(([name]) => name.toLowerCase() === "realm")?.[1];
}
