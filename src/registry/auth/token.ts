import { SlipwayError } from "../../errors.ts";
import type { RegistryCredentials } from "../credentials.ts";
import { printable } from "../response-error.ts";
import { basicAuthorization } from "./basic.ts";

/** A Bearer token and what it is good for. */
export interface BearerToken {
  readonly token: string;
  /** What it was asked for; the service may have granted less. */
  readonly scopes: readonly string[];
  /** Milliseconds since 1970 from which on it is not used any more. */
  readonly expires: number;
}

/** What is asked of a token service. */
export interface TokenQuery {
  /** The service's address, as the challenge gave it. */
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  /** Default: none, the token is for anybody. */
  readonly credentials: RegistryCredentials | undefined;
  /** For messages, after "Cannot ". */
  readonly doing: string;
}

/** One request to a token service. */
export interface TokenRequest {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly doing: string;
}

/** What it answered, as it is; `date` is the service's clock, if it tells. */
export interface TokenAnswer {
  readonly status: number;
  readonly date: string | null;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Sends a request to a token service.
 * @returns answers with one of the statuses `accept`, or 200; all others are thrown
 */
export type TokenSender = (request: TokenRequest, accept: readonly number[]) => Promise<TokenAnswer>;

/** Bytes that a token service's answer may have. */
export const TOKEN_ANSWER_LIMIT: number = 1024 * 1024;

/** Characters that a token may have: it becomes a header, of which servers take some kilobytes, and is kept. */
const TOKEN_LIMIT = 64 * 1024;

/** How this client is called at token services. */
const CLIENT_ID = "slipway";
/** Seconds that tokens last of which nothing is said (distribution, "Token Authentication Specification"). */
const DEFAULT_LIFETIME = 60;
/** Statuses of services that know only the other way to be asked. */
const NOT_THIS_WAY: readonly number[] = [404, 405];

/**
 * Asks a token service for a token: by GET, with Basic credentials or without any; by POST (OAuth2) with an identity token, or with the
 * password where the service refuses to be asked by GET.
 * @param now milliseconds since 1970
 */
export async function fetchToken(query: TokenQuery, send: TokenSender, now: () => number): Promise<BearerToken> {
  const { credentials, doing } = query;
  const identityToken = credentials?.identityToken;
  if (identityToken !== undefined && identityToken !== "") {
    const grant = { grant_type: "refresh_token", refresh_token: identityToken };
    return readToken(await send(postRequest(query, grant), []), query, now());
  }
  if (credentials?.username === undefined || credentials.username === "") {
    return readToken(await send(getRequest(query, undefined), []), query, now());
  }
  const { username, password = "" } = credentials;
  const answer = await send(getRequest(query, { username, password }), NOT_THIS_WAY);
  if (!NOT_THIS_WAY.includes(answer.status)) return readToken(answer, query, now());
  return readToken(await send(postRequest(query, { grant_type: "password", username, password }), []), query, now());

  function getRequest(
    { realm, service, scopes }: TokenQuery,
    user: { readonly username: string; readonly password: string } | undefined,
  ): TokenRequest {
    const url = new URL(realm);
    url.hash = "";
    if (service !== undefined) url.searchParams.set("service", service);
    for (const scope of scopes) url.searchParams.append("scope", scope);
    if (user === undefined) return { method: "GET", url, headers: {}, doing };
    url.searchParams.set("account", user.username);
    return { method: "GET", url, headers: { authorization: basicAuthorization(user.username, user.password) }, doing };
  }

  function postRequest({ realm, service, scopes }: TokenQuery, grant: Readonly<Record<string, string>>): TokenRequest {
    const form = new URLSearchParams(grant);
    if (service !== undefined) form.set("service", service);
    form.set("client_id", CLIENT_ID);
    if (scopes.length > 0) form.set("scope", scopes.join(" "));
    const url = new URL(realm);
    url.hash = "";
    return {
      method: "POST",
      url,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new TextEncoder().encode(form.toString()),
      doing,
    };
  }
}

/** `{"token":…,"access_token":…,"expires_in":…,"issued_at":…}`. */
function readToken({ bytes, date }: TokenAnswer, { realm, scopes, doing }: TokenQuery, now: number): BearerToken {
  const invalid = (reason: string, cause?: unknown): SlipwayError =>
    new SlipwayError("INVALID_RESPONSE", `Cannot ${doing}: the token service ${realm.host} ${reason}`, { cause });
  let answer: unknown;
  try {
    answer = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalid("answered no JSON", error);
  }
  if (typeof answer !== "object" || answer === null) throw invalid("answered no JSON object");
  const { token, access_token, expires_in, issued_at } = answer as Readonly<Record<string, unknown>>;
  const given = [token, access_token].find((value): value is string => typeof value === "string" && value !== "");
  if (given === undefined)
    throw invalid(`gave no token, only ${printable(Object.keys(answer).join(", ")).slice(0, 200)}`);
  if (given.length > TOKEN_LIMIT)
    throw invalid(`gave a token of ${given.length} characters; it may have ${TOKEN_LIMIT}`);
  // It becomes a part of a header.
  if (!/^[\x21-\x7e]+$/.test(given)) throw invalid("gave a token with characters that no header can have");
  const lifetime = typeof expires_in === "number" && expires_in > 0 ? expires_in : DEFAULT_LIFETIME;
  const left = lifetime - ageOf(issued_at, date, now, lifetime);
  // Not in the last moment: the request has to get there first.
  return { token: given, scopes, expires: now + (left - Math.min(10, left / 10)) * 1000 };
}

/** Seconds since a token was made, by the service's own clock where it tells that: this machine's may be wrong. */
function ageOf(issuedAt: unknown, date: string | null, now: number, lifetime: number): number {
  if (typeof issuedAt !== "string") return 0;
  const age = ((date === null ? now : Date.parse(date) || now) - Date.parse(issuedAt)) / 1000;
  return age > 0 && age < lifetime ? age : 0;
}
