/** Who is signed in. The device remembers the user, so that the page opens without a network. */

import { createContext, useContext, useEffect } from "react";
import { clearActivity } from "./activity";
import { ApiError, call } from "./api";
import { UserCache, Worker } from "./cache";
import { reconnections } from "./network";
import { complain } from "./notices";
import { forgetPictures } from "./pictures";
import { createStore, useStore } from "./store";
import type { User } from "./types";

export type Session =
  | { readonly phase: "starting" }
  | { readonly phase: "out" }
  | { readonly phase: "in"; readonly user: User; readonly cache: UserCache };

const USER = "videomi:user";
/** Set when somebody signed out while the server could not hear it. */
const OWED = "videomi:sign-out-owed";

const session = createStore<Session>({ phase: "starting" });
const worker = Worker.start();

function remembered(): User | null {
  try {
    const user = JSON.parse(localStorage.getItem(USER) ?? "null") as Partial<User> | null;
    return typeof user?.id === "string" && typeof user.name === "string" ? { id: user.id, name: user.name } : null;
  } catch {
    return null;
  }
}

async function enter(user: User): Promise<void> {
  const now = session.get();
  if (now.phase === "in" && now.user.id === user.id) return;
  if (now.phase === "in") await leave();
  // The worker first: from then on it keeps what this user loads.
  await (await worker).identify(user.id);
  const cache = await UserCache.open(user.id);
  localStorage.setItem(USER, JSON.stringify(user));
  session.set({ phase: "in", user, cache });
}

/** Forgets the user on this device. */
async function leave(): Promise<void> {
  const now = session.get();
  localStorage.removeItem(USER);
  session.set({ phase: "out" });
  forgetPictures();
  clearActivity();
  if (now.phase !== "in") return;
  try {
    await now.cache.forget();
    now.cache.close();
    await (await worker).identify(null);
  } catch (error) {
    console.error("Signing out left data of the user on this device.", error);
    complain("Some of your data could not be removed from this device. Clear this site's data in the browser's settings.");
  }
}

/** Asks the server who we are; without a network the device's word stands. */
async function verify(): Promise<void> {
  try {
    if (localStorage.getItem(OWED) !== null) {
      await call("POST", "/api/auth/logout", undefined, { quiet: true });
      localStorage.removeItem(OWED);
    }
    const { user } = await call<{ user: User }>("GET", "/api/auth/session", undefined, { quiet: true });
    await enter(user);
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) await leave();
    else if (session.get().phase === "starting") session.set({ phase: "out" });
  }
}

async function start(): Promise<void> {
  const user = remembered();
  if (user !== null) await enter(user);
  await verify();
}

/** Signs in. Throws {@link ApiError} when the server refuses. */
export async function signIn(user: string, password: string): Promise<void> {
  const data = await call<{ user?: User } | null>("POST", "/api/auth/login", { user, password });
  localStorage.removeItem(OWED);
  await enter(data?.user ?? (await call<{ user: User }>("GET", "/api/auth/session", undefined, { quiet: true })).user);
}

/** Signs out here in any case; the server hears of it now or at the next chance. */
export async function signOut(): Promise<void> {
  try {
    await call("POST", "/api/auth/logout");
  } catch (error) {
    if (error instanceof ApiError && error.code === "offline") localStorage.setItem(OWED, "1");
    else complain(error);
  }
  await leave();
}

export function useSession(): Session {
  useEffect(() => {
    start().catch((error: unknown) => {
      complain(error);
      session.set({ phase: "out" });
    });
    const stop = reconnections.subscribe(() => void verify());
    // Another tab signed in or out: start over with what it left.
    const follow = (event: StorageEvent): void => {
      if (event.key === USER) location.reload();
    };
    window.addEventListener("storage", follow);
    return () => {
      stop();
      window.removeEventListener("storage", follow);
    };
  }, []);
  return useStore(session);
}

export interface SignedIn {
  readonly user: User;
  readonly cache: UserCache;
}

export const SignedInContext = createContext<SignedIn | null>(null);

/** The signed-in user and their cache; only below `SignedInContext`. */
export function useSignedIn(): SignedIn {
  const signedIn = useContext(SignedInContext);
  if (signedIn === null) throw new Error("useSignedIn is called outside SignedInContext");
  return signedIn;
}
