import { randomUUID } from "node:crypto";
import type { Answer, ApiRequest } from "./distribution.ts";

/** How a registry knows its users. */
export type AuthOptions =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | {
      /** Tokens of a service at another port, as the distribution project's token specification has them. */
      readonly kind: "bearer";
      readonly username?: string;
      readonly password?: string;
      /** A refresh token that the service takes by POST. */
      readonly identityToken?: string;
      /** What requests without credentials may do in any repository. Default nothing. */
      readonly anonymous?: readonly string[];
      /** Which of the actions that a user asks for are granted. Default all. */
      readonly grant?: (resource: string, actions: readonly string[]) => readonly string[];
      /** Seconds, as answers say it; nothing ends by itself here, see `revokeTokens`. Default 300. */
      readonly expiresIn?: number;
      /** Whether the service takes POST (OAuth2). Default true; otherwise 405. */
      readonly oauth?: boolean;
      /** Which of `token` and `access_token` answers have. Default both. */
      readonly field?: "token" | "access_token";
    };

type BearerOptions = Extract<AuthOptions, { readonly kind: "bearer" }>;

/** The token service and what the registry asks it. */
export interface TokenService {
  handle(request: ApiRequest): Promise<Answer>;
  /** Whether a header `Authorization` holds a token of this service, and one that grants all of these scopes. */
  check(
    authorization: string | undefined,
    scopes: readonly string[],
  ): "granted" | "insufficient" | "invalid" | "absent";
  /** Forgets all tokens it gave out. */
  revoke(): void;
}

/** `Basic` and the credentials in base64. */
export const basic = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

const split = (scope: string): { readonly resource: string; readonly actions: readonly string[] } => {
  const colon = scope.lastIndexOf(":");
  return { resource: scope.slice(0, colon), actions: scope.slice(colon + 1).split(",") };
};

/** A token service for tests: opaque tokens, kept in memory. */
export function createTokenService(options: BearerOptions): TokenService {
  /** Per token, the actions by resource. */
  const tokens = new Map<string, ReadonlyMap<string, ReadonlySet<string>>>();

  const issue = (scopes: readonly string[], isUser: boolean, refreshToken?: string): Answer => {
    const granted = new Map<string, Set<string>>();
    for (const { resource, actions } of scopes.map(split)) {
      const allowed = isUser
        ? (options.grant?.(resource, actions) ?? actions)
        : actions.filter((action) => options.anonymous?.includes(action));
      const all = granted.get(resource) ?? new Set<string>();
      for (const action of allowed) all.add(action);
      granted.set(resource, all);
    }
    const token = `token-${randomUUID()}`;
    tokens.set(token, granted);
    const { expiresIn = 300, field } = options;
    const body = {
      ...(field !== "access_token" && { token }),
      ...(field !== "token" && { access_token: token }),
      expires_in: expiresIn,
      issued_at: new Date().toISOString(),
      ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    };
    return { status: 200, headers: { "content-type": "application/json" }, body: Buffer.from(JSON.stringify(body)) };
  };

  const refused = (status: number, error: string): Answer => ({
    status,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify({ error, error_description: "refused by the test's token service" })),
  });

  return {
    async handle({ method, url, headers, body }) {
      if (url.pathname !== "/token") return refused(404, "not_found");
      if (method === "GET") {
        const { authorization } = headers;
        const { username, password } = options;
        const isUser = username !== undefined && authorization === basic(username, password ?? "");
        if (authorization !== undefined && !isUser) return refused(401, "invalid_client");
        return issue(scopesOfQuery(url.searchParams), isUser);
      }
      if (method !== "POST" || options.oauth === false) return refused(405, "method_not_allowed");
      let text = "";
      for await (const chunk of body) text += Buffer.from(chunk).toString("latin1");
      const form = new URLSearchParams(text);
      if (form.get("client_id") === null || form.get("service") === null) return refused(400, "invalid_request");
      switch (form.get("grant_type")) {
        case "refresh_token":
          if (options.identityToken === undefined || form.get("refresh_token") !== options.identityToken) {
            return refused(401, "invalid_grant");
          }
          return issue(scopesOfQuery(form), true, options.identityToken);
        case "password":
          if (form.get("username") !== options.username || form.get("password") !== options.password) {
            return refused(401, "invalid_grant");
          }
          return issue(
            scopesOfQuery(form),
            true,
            form.get("access_type") === "offline" ? options.identityToken : undefined,
          );
        default:
          return refused(400, "unsupported_grant_type");
      }
    },
    check(authorization, scopes) {
      if (authorization === undefined) return "absent";
      const [scheme, token] = authorization.split(" ");
      const granted = scheme === "Bearer" && token !== undefined ? tokens.get(token) : undefined;
      if (granted === undefined) return "invalid";
      const has = scopes
        .map(split)
        .every(({ resource, actions }) => actions.every((action) => granted.get(resource)?.has(action)));
      return has ? "granted" : "insufficient";
    },
    revoke: () => tokens.clear(),
  };
}

/** Scopes come in several parameters, or in one with spaces between. */
const scopesOfQuery = (query: URLSearchParams): readonly string[] =>
  query.getAll("scope").flatMap((scope) => scope.split(" ").filter((part) => part !== ""));
