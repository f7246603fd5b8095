import { SlipwayError } from "../errors.ts";
import type { OperationOptions } from "../progress.ts";
import { type RegistryAddress, registryAddress, registryBases } from "./address.ts";
import { type Authorization, type Authorizer, createAuthorizer } from "./auth/authorizer.ts";
import { parseChallenges } from "./auth/challenge.ts";
import { TOKEN_ANSWER_LIMIT, type TokenAnswer, type TokenRequest } from "./auth/token.ts";
import { createHttpExchange, type HttpAnswer, type HttpRequest } from "./http-exchange.ts";
import { type Hop, isRedirect, MOST_REDIRECTS, nextHop, withoutSecrets } from "./redirect.ts";
import type { RegistryOptions } from "./registry.ts";
import { responseError } from "./response-error.ts";
import { createPatience } from "./retry.ts";
import { hostTimers } from "./timers.ts";
import type { RegistryRequest, RegistryResponse, RegistryTransport } from "./transport.ts";
import { createTransportState, registryState, type TransportState } from "./transport-state.ts";

/**
 * How often one request is sent because the registry wants another authorization: without any, with one that is known, with one that is
 * new, with one for scopes that it named only then. More would be a loop.
 */
const MOST_AUTHORIZATIONS = 4;
/** Milliseconds that https has to answer at an insecure registry before http is tried. */
const LOOKING = 10_000;
const IDLE_SECONDS = 60;

/**
 * The transport to one registry.
 * @param registry as in references: `docker.io`, `localhost:5000`
 * @param state what it shares with other transports of the same client; default: nothing
 * @throws SlipwayError `INVALID_ARGUMENT` for what is no registry, `INVALID_OPTION` for what is no relay
 */
export function createTransport(
  registry: string,
  options: RegistryOptions = {},
  state: TransportState = createTransportState(),
): RegistryTransport {
  const { timers = hostTimers, relay, retry = {}, userAgent } = options;
  const now = (): number => timers.now();
  const insecure = isInsecure(registry, options.insecure);
  const bases = registryBases(registry, { insecure, relay });
  const known = registryState(state, JSON.stringify([registry, insecure, relay]));
  const idle = (retry.idle ?? IDLE_SECONDS) * 1000;
  const exchange = createHttpExchange({ fetch: options.fetch, timers, idle });
  const patience = createPatience(registry, retry, timers, state);

  /** Sends one request to one address, when that may be asked. */
  const ask = async (request: HttpRequest, operation: OperationOptions): Promise<HttpAnswer> => {
    await patience.pause(request.url.origin, request.doing, operation);
    return await exchange(
      userAgent === undefined ? request : { ...request, headers: { "user-agent": userAgent, ...request.headers } },
      operation.signal,
    );
  };

  /** Finds out whether an insecure registry has https. That is asked for nothing, so that nothing is told to the wrong one. */
  const findBase = async (doing: string, operation: OperationOptions): Promise<URL> => {
    const [first, ...others] = bases;
    if (first === undefined) throw new SlipwayError("INVALID_ARGUMENT", `Cannot ${doing}: no address of ${registry}`);
    if (others.length === 0) return first;
    const look = createHttpExchange({ fetch: options.fetch, timers, idle: Math.min(idle, LOOKING) });
    return await known.baseFlights.do(
      "base",
      async ({ signal }) => {
        let problem: unknown;
        for (const base of bases) {
          try {
            const url = new URL("v2/", base);
            await (await look({ method: "GET", url, headers: {}, redirect: "manual", doing }, signal)).drain();
            return base;
          } catch (error) {
            signal.throwIfAborted();
            problem = error;
          }
        }
        throw problem;
      },
      operation,
    );
  };

  let found: { readonly address: RegistryAddress; readonly authorizer: Authorizer } | undefined;
  const find = async (doing: string, operation: OperationOptions) => {
    if (found !== undefined) return found;
    known.base ??= await findBase(doing, operation);
    const address = registryAddress(registry, known.base, { insecure, relay });
    const authorizer = createAuthorizer(
      registry,
      address,
      {
        credentials: options.credentials,
        allowTokenService: options.allowTokenService,
        now,
        send: askTokenService(address),
      },
      known.authorization,
    );
    found ??= { address, authorizer };
    return found;
  };

  /** Token services may redirect too, but neither a password nor a token is sent on to another origin. */
  const askTokenService =
    (address: RegistryAddress) =>
    async (
      request: TokenRequest,
      accept: readonly number[],
      user: boolean,
      operation: OperationOptions,
    ): Promise<TokenAnswer> => {
      const { doing, method, body } = request;
      let hop: Hop = { url: request.url, method, headers: request.headers, body, own: true };
      for (let hops = 0; ; hops++) {
        address.check(hop.url, doing);
        const answer = await ask({ ...hop, redirect: user ? "manual" : redirectMode(), doing }, operation);
        if (answer.type === "opaqueredirect" || isRedirect(answer)) {
          await answer.drain();
          if (hops >= MOST_REDIRECTS) throw tooManyRedirects(doing, hop.url);
          if (answer.type === "opaqueredirect") {
            known.opaqueRedirects = true;
            if (user) throw refusedRedirect(doing, hop.url);
            continue;
          }
          hop = nextHop(hop, answer, { ...address, isOwn: ({ origin }) => origin === request.url.origin }, doing);
          if (user && !hop.own) throw refusedRedirect(doing, request.url);
          continue;
        }
        if (answer.status !== 200 && !accept.includes(answer.status)) {
          const error = await responseError(answer, {
            doing,
            registry,
            authenticated: user,
            now: now(),
            tokenService: true,
          });
          patience.heed(error);
          throw error;
        }
        return {
          status: answer.status,
          date: answer.headers.get("date"),
          bytes: await answer.bytes(TOKEN_ANSWER_LIMIT),
        };
      }
    };

  const redirectMode = (): "manual" | "follow" => (known.opaqueRedirects ? "follow" : "manual");

  /** Asks at one address, with what lets the request in if it is the registry's. */
  const askAuthorized = async (
    hop: Hop,
    { scopes, doing }: RegistryRequest,
    { address, authorizer }: { readonly address: RegistryAddress; readonly authorizer: Authorizer },
    operation: OperationOptions,
  ): Promise<{
    readonly answer: HttpAnswer;
    readonly authorization: Authorization | undefined;
    readonly tried?: string;
  }> => {
    const authorized = { scopes, doing, ...operation };
    let authorization = hop.own ? await authorizer.authorize(authorized) : undefined;
    for (let sent = 1; ; sent++) {
      const headers =
        authorization === undefined ? hop.headers : { ...hop.headers, authorization: authorization.header };
      let answer = await ask({ ...hop, headers, redirect: redirectMode(), doing }, operation);
      if (answer.type === "opaqueredirect") {
        // A browser does not tell where it would go. It drops what is secret by itself when it goes to another origin.
        known.opaqueRedirects = true;
        await answer.cancel();
        answer = await ask({ ...hop, headers, redirect: "follow", doing }, operation);
      }
      const url = new URL(answer.url);
      try {
        if (url.href !== hop.url.href) address.check(url, doing);
        const challenges = hop.own && address.isOwn(url) ? challengesOf(answer) : undefined;
        if (challenges === undefined) return { answer, authorization };
        if (sent >= MOST_AUTHORIZATIONS) {
          return {
            answer,
            authorization,
            tried: `it wanted another authorization ${sent} times, and no more are tried`,
          };
        }
        const renewed = await authorizer.renew(challenges, authorization, authorized);
        if (renewed === undefined) return { answer, authorization };
        await answer.drain();
        authorization = renewed;
      } catch (error) {
        await answer.cancel();
        throw error;
      }
    }
  };

  const sendOnce = async (request: RegistryRequest, operation: OperationOptions): Promise<RegistryResponse> => {
    const { doing, accept } = request;
    const { signal } = operation;
    signal?.throwIfAborted();
    const where = await find(doing, operation);
    const { address } = where;
    const url = address.locate(request.url);
    const own = address.isOwn(url);
    const headers = own ? (request.headers ?? {}) : withoutSecrets(request.headers ?? {});
    let hop: Hop = { url, method: request.method, headers, body: request.body, own };
    for (let hops = 0; ; hops++) {
      address.check(hop.url, doing);
      const { answer, authorization, tried } = await askAuthorized(hop, request, where, operation);
      if (accept?.includes(answer.status) ?? (answer.status >= 200 && answer.status <= 299)) return answer;
      if (!isRedirect(answer)) {
        const authenticated = authorization?.user === true;
        const error = await responseError(answer, { doing, registry, authenticated, now: now(), tried });
        signal?.throwIfAborted();
        patience.heed(error);
        throw error;
      }
      await answer.drain();
      if (hops >= MOST_REDIRECTS) throw tooManyRedirects(doing, hop.url);
      hop = nextHop(hop, answer, address, doing);
    }
  };

  return {
    registry,
    sendOnce,
    retry: patience.retry,
    send: (request, operation) => patience.retry(request.doing, () => sendOnce(request, operation), operation),
  };
}

const isInsecure = (registry: string, insecure: RegistryOptions["insecure"]): boolean =>
  typeof insecure === "boolean" ? insecure : insecure?.includes(registry) === true;

/** What the registry wants to see first; undefined if it let the request in, or refused it for good. */
function challengesOf({ status, headers }: HttpAnswer): ReturnType<typeof parseChallenges> | undefined {
  if (status !== 401 && status !== 403) return undefined;
  const challenges = parseChallenges(headers.get("www-authenticate") ?? "");
  if (status === 401) return challenges;
  // RFC 6750 has this status for a token that is good for too little; distribution has 401.
  return challenges.some(({ parameters }) => parameters.get("error") === "insufficient_scope") ? challenges : undefined;
}

const tooManyRedirects = (doing: string, { host }: URL): SlipwayError =>
  new SlipwayError(
    "INVALID_RESPONSE",
    `Cannot ${doing}: after ${MOST_REDIRECTS} redirects, the most that are followed, ${host} leads elsewhere again; whoever runs it can see why`,
  );

const refusedRedirect = (doing: string, { host }: URL): SlipwayError =>
  new SlipwayError("PERMISSION_DENIED", `Cannot ${doing}: ${host} leads credentials to another address`);
