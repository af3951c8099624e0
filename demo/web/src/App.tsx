import { Notices } from "./components/Notices";
import { OfflineBanner } from "./components/OfflineBanner";
import { ReleaseBanner } from "./components/ReleaseBanner";
import { Shell } from "./components/Shell";
import { SignIn } from "./components/SignIn";
import { Logo } from "./components/icons";
import { SignedInContext, useSession } from "./session";

export function App() {
  const session = useSession();
  return (
    <>
      <OfflineBanner />
      {session.phase === "starting" && (
        <div className="splash" role="status" aria-label="Starting Videomi">
          <Logo />
        </div>
      )}
      {session.phase === "out" && <SignIn />}
      {session.phase === "in" && (
        <SignedInContext value={session}>
          <Shell key={session.user.id} />
        </SignedInContext>
      )}
      <ReleaseBanner />
      <Notices />
    </>
  );
}
