/** One way in which a server wants to be asked. */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** By names in lower case. Of a name that comes twice, the first. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = /[!#$%&'*+.^_`|~\w-]+/y;
const TOKEN68 = /[ \t]+[\w.~+/-]+=*[ \t]*(?=,|$)/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/sy;
/** More than a token may have: some servers write addresses without quotes. */
const UNQUOTED = /[^\s,"]+/y;
const SPACE = /[ \t]*/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const UNTIL_COMMA = /[^,]*/y;

/**
 * Reads a `WWW-Authenticate` header, which may have several challenges, also from several headers joined by commas
 * (RFC 9110, section 11.6.1). What cannot be read is left out.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(header) ?? undefined;
    if (found !== undefined) at = pattern.lastIndex;
    return found;
  };
  const challenges: Challenge[] = [];
  let parameters: Map<string, string> | undefined;
  for (;;) {
    take(SPACE);
    if (at >= header.length) return challenges;
    if (header[at] === ",") {
      at++;
      continue;
    }
    const name = take(TOKEN)?.[0];
    if (name === undefined) {
      // A quote that does not end swallows what follows: it cannot be told where it should have ended.
      if (header[at] === '"' && take(QUOTED) === undefined) return challenges;
      if (take(UNTIL_COMMA)?.[0] === "") at++;
      continue;
    }
    if (take(EQUALS) === undefined) {
      parameters = new Map();
      challenges.push({ scheme: name.toLowerCase(), parameters });
      take(TOKEN68);
      continue;
    }
    const value = take(QUOTED)?.[1]?.replace(/\\(.)/gs, "$1") ?? take(UNQUOTED)?.[0];
    if (value === undefined) continue;
    if (parameters !== undefined && !parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
  }
}
