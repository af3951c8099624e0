import { useState, type FormEvent } from "react";
import { complain } from "../notices";
import { useOnline } from "../network";
import { signIn } from "../session";
import { TIER_NAMES, TIERS } from "../tiers";
import { Logo } from "./icons";

/** The people of the seeded demo. */
const DEMO_USERS = [
  { id: "abc123", name: "Ada" },
  { id: "bob7", name: "Bob" },
] as const;
const DEMO_PASSWORD = "demo";

const STEPS = {
  device: "Lists, details and ratings, in IndexedDB",
  "service-worker": "Thumbnails, images and media",
  edge: "The data centre nearest to you",
  origin: "The app’s own server, asked last",
} as const;

export function SignIn() {
  const online = useOnline();
  const [busy, setBusy] = useState<string | null>(null);
  const [form, setForm] = useState(false);

  const enter = async (user: string, password: string): Promise<void> => {
    setBusy(user);
    try {
      await signIn(user, password);
    } catch (error) {
      complain(error);
    } finally {
      setBusy(null);
    }
  };
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    void enter(String(data.get("user")), String(data.get("password")));
  };

  return (
    <main className="sign-in">
      <section className="sign-in-card" aria-labelledby="welcome">
        <p className="brand">
          <Logo size={40} /> Videomi
        </p>
        <h1 id="welcome">Your films, pictures and music, from the nearest place that has them.</h1>
        <p className="muted">A demo of Tiercel. Every item tells you which of four tiers answered, and why.</p>

        <div className="demo-users">
          {DEMO_USERS.map(({ id, name }) => (
            <button key={id} type="button" className="demo-user" disabled={!online || busy !== null} onClick={() => void enter(id, DEMO_PASSWORD)}>
              <span className="avatar" data-user={id} aria-hidden="true">
                {name[0]}
              </span>
              <span>
                <small>{busy === id ? "Signing in…" : "Continue as"}</small>
                {name}
              </span>
            </button>
          ))}
        </div>

        {form ? (
          <form className="sign-in-form" onSubmit={submit}>
            <label className="field">
              <span>User</span>
              <input name="user" autoComplete="username" required autoFocus />
            </label>
            <label className="field">
              <span>Password</span>
              <input name="password" type="password" autoComplete="current-password" required />
            </label>
            <button type="submit" className="button primary" disabled={!online || busy !== null}>
              Sign in
            </button>
          </form>
        ) : (
          <button type="button" className="link" onClick={() => setForm(true)}>
            Use another account
          </button>
        )}
      </section>

      <ol className="tier-ladder" aria-label="The four tiers, nearest first">
        {TIERS.map((tier, step) => (
          <li key={tier} className={`tier-${tier}`} style={{ "--step": step } as React.CSSProperties}>
            <i aria-hidden="true" />
            <div>
              <strong>{TIER_NAMES[tier].name}</strong>
              <span>{STEPS[tier]}</span>
            </div>
          </li>
        ))}
      </ol>
    </main>
  );
}
