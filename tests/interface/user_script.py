"""A user's script, which pyright has to accept in strict mode as it stands."""

import asyncio

import pumprig


def report(status: pumprig.Status) -> str:
    """One line of what a rig does."""
    rate = status.rate_nl_per_h
    since = status.alarms[0].since if status.alarms else None
    shown = since.isoformat() if since else "no alarm"
    return f"{status.state}: {0 if rate is None else rate} nL/h, {status.therapy.name}, {shown}"


def main() -> None:
    """Plan, deliver, read."""
    with pumprig.connect("sim") as rig:
        plan = rig.propose(pumprig.constant("20 ul/h"))
        for difference in plan.differences:
            print(difference.name, difference.now, difference.new)
        print(plan.forecast["days_to_low"], plan.warnings)
        print(report(plan.commit()))
        dose = rig.bolus("1 ul", over="2 s").wait(progress=print)
        if dose.counted_nl is not None and dose.u_nl is not None:
            print(dose.counted_nl / 1000, dose.u_nl / 1000, dose.outcome)
        try:
            rig.bolus(volume_nl=10_000_000, over_s=60)
        except pumprig.RefusedError as refused:
            print(refused.rule, refused.numbers, refused.allowed_at)
        except pumprig.LinkError as error:
            print(error.outcome)
        for event in rig.events(0, follow=False):
            print(event.number, event.at, event.event, event.fields)
        rig.stop()
    print(pumprig.rehearse(pumprig.constant("20 ul/h"), "1 h").delivered_nl)


async def asynchronous() -> None:
    """The same names."""
    async with pumprig.aio.connect("sim") as rig:
        print(report(await rig.status()))
        await rig.resume()
        dose = await (await rig.bolus("1 ul", over="2 s")).wait(progress=print)
        print(dose.counted_nl)
        await rig.stop()


if __name__ == "__main__":
    main()
    asyncio.run(asynchronous())
