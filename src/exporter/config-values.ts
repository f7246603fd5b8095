import { SlipwayError } from "../errors.ts";
import type { Healthcheck } from "../oci/config.ts";
import { isTimestamp } from "../oci/time.ts";
import type { HealthcheckOptions } from "./config.ts";

/** The error of a field of `config`; `reason` completes "because …". */
export function invalidConfig(field: string, reason: string): SlipwayError {
  return new SlipwayError("INVALID_ARGUMENT", `Cannot make the image config: config.${field} ${reason}`);
}

/** `80` and `80/TCP` as `80/tcp`. @throws SlipwayError `INVALID_ARGUMENT` */
export function exposedPort(port: string): string {
  const [, digits = "", protocol = "tcp"] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(port) ?? [];
  const number = Number(digits);
  if (digits === "" || number < 1 || number > 65_535) {
    throw invalidConfig(
      "exposedPorts",
      `has ${JSON.stringify(port)}; a port is 1 … 65535, or that with /tcp, /udp or /sctp`,
    );
  }
  return `${number}/${protocol.toLowerCase()}`;
}

/** A signal as `docker stop` takes it: `SIGTERM`, `SIGRTMIN+3`, `KILL` or a number. @throws SlipwayError `INVALID_ARGUMENT` */
export function stopSignal(signal: string): string {
  if (/^(?:SIG)?[A-Z][A-Z0-9]*(?:[+-]\d{1,2})?$/.test(signal) || /^[1-9]\d{0,2}$/.test(signal)) return signal;
  throw invalidConfig("stopSignal", `is ${JSON.stringify(signal)}; it must be a name such as SIGTERM or a number`);
}

/** An absolute path, of the image's system. @throws SlipwayError `INVALID_ARGUMENT` */
export function absolutePath(field: string, path: string, os: string): string {
  const absolute = os === "windows" ? /^(?:[A-Za-z]:)?[\\/]/ : /^\//;
  if (absolute.test(path) && !path.includes("\0")) return path;
  throw invalidConfig(field, `has ${JSON.stringify(path)}, which is not an absolute path`);
}

/** `KEY=VALUE` of an environment variable. @throws SlipwayError `INVALID_ARGUMENT` */
export function environmentVariable(key: string, value: string): string {
  if (key === "" || key.includes("=") || key.includes("\0") || value.includes("\0")) {
    throw invalidConfig(
      "env",
      `has the variable ${JSON.stringify(key)}, whose name or value cannot be in an environment`,
    );
  }
  return `${key}=${value}`;
}

/** An RFC 3339 time. @throws SlipwayError `INVALID_ARGUMENT` */
export function timestamp(field: string, time: string): string {
  if (isTimestamp(time)) return time;
  throw invalidConfig(field, `is ${JSON.stringify(time)}; it must be a time such as 2026-01-31T12:00:00Z`);
}

/** Docker's health check as it stands in a config, times in nanoseconds. @throws SlipwayError `INVALID_ARGUMENT` */
export function healthcheck(options: HealthcheckOptions): Healthcheck {
  const [kind, ...rest] = options.test;
  const right =
    (kind === "NONE" && rest.length === 0) ||
    (kind === "CMD-SHELL" && rest.length === 1) ||
    (kind === "CMD" && rest.length > 0);
  if (!right) {
    throw invalidConfig("healthcheck.test", `must be ["NONE"], ["CMD", …] or ["CMD-SHELL", "…"]`);
  }
  const { retries } = options;
  if (retries !== undefined && !(Number.isInteger(retries) && retries >= 0)) {
    throw invalidConfig("healthcheck.retries", `is ${retries}; it must be a whole number`);
  }
  return {
    Test: [...options.test],
    ...nanoseconds("Interval", "interval", options.interval),
    ...nanoseconds("Timeout", "timeout", options.timeout),
    ...nanoseconds("StartPeriod", "startPeriod", options.startPeriod),
    ...(retries ? { Retries: retries } : {}),
  };
}

/** 0 stands for "as inherited" and is left out. Docker takes nothing below a millisecond. */
function nanoseconds(key: keyof Healthcheck, field: string, seconds: number | undefined): Healthcheck {
  if (seconds === undefined || seconds === 0) return {};
  const value = Math.round(seconds * 1e9);
  if (value >= 1_000_000 && Number.isSafeInteger(value)) return { [key]: value };
  throw invalidConfig(`healthcheck.${field}`, `is ${seconds}; it must be at least 0.001 seconds`);
}
