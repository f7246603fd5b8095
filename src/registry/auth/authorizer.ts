import { SlipwayError } from "../../errors.ts";
import { createFlightControl, type FlightControl } from "../../exporter/flight-control.ts";
import type { OperationOptions } from "../../progress.ts";
import type { RegistryAddress } from "../address.ts";
import { BoundedMap } from "../bounded-map.ts";
import type { CredentialProvider, RegistryCredentials } from "../credentials.ts";
import { hostReach } from "../private-host.ts";
import type { RegistryOptions } from "../registry.ts";
import { basicAuthorization } from "./basic.ts";
import type { Challenge } from "./challenge.ts";
import { coversScopes, mergeScopes } from "./scopes.ts";
import { type BearerToken, fetchToken, type TokenAnswer, type TokenQuery, type TokenRequest } from "./token.ts";

/** What a request is sent with, so that the registry lets it in. */
export interface Authorization {
  /** The header `Authorization`. */
  readonly header: string;
  /** Whether it stands for a user. */
  readonly user: boolean;
  /** If it was got for this very request: what it was asked for. Another one would be no better. */
  readonly freshFor?: readonly string[] | undefined;
}

/** Who is asked for authorizations: for a request, with its operation's options. */
export interface AuthorizedRequest extends OperationOptions {
  readonly scopes: readonly string[];
  /** For messages, after "Cannot ". */
  readonly doing: string;
}

/** Gets what a registry wants to see of a user. */
export interface Authorizer {
  /** What a request is to be sent with by all that is known so far; undefined: try it without anything. */
  authorize(request: AuthorizedRequest): Promise<Authorization | undefined>;
  /**
   * What to try after the registry did not let the request in; undefined: nothing else.
   * @param refused what the request was sent with
   */
  renew(
    challenges: readonly Challenge[],
    refused: Authorization | undefined,
    request: AuthorizedRequest,
  ): Promise<Authorization | undefined>;
}

/** What all transports of one client know of one registry's users and tokens. */
export interface AuthorizationState {
  /** How the registry wants to be asked, as it said last. */
  scheme:
    | { readonly kind: "basic" }
    | { readonly kind: "bearer"; readonly realm: URL; readonly service?: string }
    /** Not known, and no matter: there is a token that the user gave. */
    | { readonly kind: "given" }
    | undefined;
  credentials: { readonly known: RegistryCredentials | undefined } | undefined;
  /** The newest first. */
  tokens: readonly BearerToken[];
  /** By the service's origin. */
  readonly allowed: BoundedMap<string, boolean>;
  readonly tokenFlights: FlightControl<BearerToken>;
  readonly credentialFlights: FlightControl<RegistryCredentials | undefined>;
}

/** Token services of which it is remembered whether they may be told credentials: a registry may name another one each time. */
const SERVICES = 100;

/** Nothing is known yet. */
export const createAuthorizationState = (): AuthorizationState => ({
  scheme: undefined,
  credentials: undefined,
  tokens: [],
  allowed: new BoundedMap(SERVICES),
  tokenFlights: createFlightControl(),
  credentialFlights: createFlightControl(),
});

/** What an authorizer needs of the transport. */
export interface AuthorizerOptions {
  readonly credentials?: CredentialProvider | undefined;
  readonly allowTokenService?: RegistryOptions["allowTokenService"];
  readonly now: () => number;
  /** Sends a request to a token service; answers with other statuses than 200 and `accept` are thrown. */
  readonly send: (
    request: TokenRequest,
    accept: readonly number[],
    user: boolean,
    options: OperationOptions,
  ) => Promise<TokenAnswer>;
}

/** Tokens that are kept: one each for this many repositories. */
const TOKENS = 200;

/** The authorizer for the registry at `address`. */
export function createAuthorizer(
  registry: string,
  address: RegistryAddress,
  options: AuthorizerOptions,
  state: AuthorizationState,
): Authorizer {
  const credentialsFor = async (request: OperationOptions, again = false): Promise<RegistryCredentials | undefined> => {
    if (state.credentials !== undefined && !again) return state.credentials.known;
    const known = await state.credentialFlights.do(
      "credentials",
      async ({ signal }) => await options.credentials?.(registry, { signal }),
      { signal: request.signal },
    );
    state.credentials = { known };
    return known;
  };

  const cached = (scopes: readonly string[]): BearerToken | undefined => {
    const now = options.now();
    state.tokens = state.tokens.filter(({ expires }) => expires > now);
    return state.tokens.find((token) => coversScopes(token.scopes, scopes));
  };

  const bearer = (token: BearerToken, freshFor?: readonly string[]): Authorization => ({
    header: `Bearer ${token.token}`,
    user: isUser(state.credentials?.known),
    freshFor,
  });

  const newToken = async (
    scopes: readonly string[],
    { realm, service }: { readonly realm: URL; readonly service?: string },
    request: AuthorizedRequest,
  ): Promise<Authorization> => {
    const credentials = await credentialsFor(request);
    const { doing } = request;
    address.check(realm, `${doing}: ask for a token`);
    if (isUser(credentials)) allow(realm, doing);
    const query: TokenQuery = {
      realm,
      service,
      scopes,
      credentials,
      doing: `get a token from ${realm.host} to ${doing}`,
    };
    const key = JSON.stringify([realm.href, service, scopes]);
    const token = await state.tokenFlights.do(
      key,
      async (shared) => {
        const got = await fetchToken(
          query,
          (sent, accept) => options.send(sent, accept, isUser(credentials), shared),
          options.now,
        );
        state.tokens = [got, ...state.tokens].slice(0, TOKENS);
        return got;
      },
      request,
    );
    return bearer(token, scopes);
  };

  /** @throws SlipwayError `PERMISSION_DENIED` unless the credentials may be told to the service */
  const allow = (realm: URL, doing: string): void => {
    if (address.isOwn(realm)) return;
    const known = state.allowed.get(realm.origin);
    const allowed = known ?? (mayBeAllowed(address.base, realm) && asked(realm));
    state.allowed.set(realm.origin, allowed);
    if (allowed) return;
    throw new SlipwayError(
      "PERMISSION_DENIED",
      `Cannot ${doing}: ${registry} wants the credentials to be told to ${realm.origin}, which is not allowed; if that is its token service, allow it by allowTokenService (over https)`,
    );
  };

  const asked = (realm: URL): boolean =>
    options.allowTokenService?.(new URL(realm), registry) ??
    (realm.protocol === "https:" && (address.base.protocol === "https:" || isLoopback(address.base)));

  return {
    async authorize(request) {
      const { scheme } = state;
      if (scheme === undefined) return undefined;
      const credentials = await credentialsFor(request);
      const given = registryTokenOf(credentials);
      if (given !== undefined) return given;
      if (scheme.kind !== "bearer") return basicOf(credentials);
      const scopes = mergeScopes(request.scopes);
      const token = cached(scopes);
      return token === undefined ? await newToken(scopes, scheme, request) : bearer(token);
    },

    async renew(challenges, refused, request) {
      const credentials = await credentialsFor(request);
      const given = registryTokenOf(credentials);
      if (given !== undefined) {
        state.scheme = { kind: "given" };
        return given.header === refused?.header ? undefined : given;
      }
      const { scheme, challenge } = chooseScheme(challenges, address, request.doing);
      if (scheme === undefined) return undefined;
      state.scheme = scheme;
      if (scheme.kind !== "bearer") {
        const basic = basicOf(credentials);
        if (basic?.header !== refused?.header) return basic;
        // Credentials of helpers end; one that has new ones may have them now.
        const renewed = basic && basicOf(await credentialsFor(request, true));
        return renewed?.header === refused?.header ? undefined : renewed;
      }
      const wanted = mergeScopes([...request.scopes, ...(challenge?.parameters.get("scope")?.split(" ") ?? [])]);
      state.tokens = state.tokens.filter(({ token }) => `Bearer ${token}` !== refused?.header);
      if (refused?.freshFor !== undefined && coversScopes(refused.freshFor, wanted)) return undefined;
      const token = cached(wanted);
      return token === undefined ? await newToken(wanted, scheme, request) : bearer(token);
    },
  };
}

/** Whether a service may be told credentials at all: it is reached by https, or nothing leaves the machine. */
const mayBeAllowed = (base: URL, realm: URL): boolean =>
  realm.protocol === "https:" || (isLoopback(base) && isLoopback(realm));

const isLoopback = ({ hostname }: URL): boolean => hostReach(hostname) === "loopback";

const isUser = (credentials: RegistryCredentials | undefined): boolean =>
  Boolean(credentials?.username) || Boolean(credentials?.identityToken);

function registryTokenOf(credentials: RegistryCredentials | undefined): Authorization | undefined {
  const token = credentials?.registryToken;
  return token ? { header: `Bearer ${token}`, user: true } : undefined;
}

function basicOf(credentials: RegistryCredentials | undefined): Authorization | undefined {
  if (!credentials?.username) return undefined;
  return { header: basicAuthorization(credentials.username, credentials.password ?? ""), user: true };
}

/** The best of what a registry offers: tokens before passwords. */
function chooseScheme(
  challenges: readonly Challenge[],
  address: RegistryAddress,
  doing: string,
): { readonly scheme: AuthorizationState["scheme"]; readonly challenge?: Challenge } {
  const challenge = challenges.find(({ scheme, parameters }) => scheme === "bearer" && parameters.has("realm"));
  const realm = challenge?.parameters.get("realm");
  if (challenge !== undefined && realm !== undefined) {
    const service = challenge.parameters.get("service");
    // Relative ones are nothing that a token service's address may be.
    const url = address.follow(realm, undefined, doing);
    return { scheme: { kind: "bearer", realm: url, ...(service !== undefined && { service }) }, challenge };
  }
  return { scheme: challenges.some(({ scheme }) => scheme === "basic") ? { kind: "basic" } : undefined };
}
