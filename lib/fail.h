/*
 * Fault injection for tests: the process named in VULCAN_FAIL ends at a point.
 *
 * VULCAN_FAIL=point:kill raises SIGKILL at FAIL_POINT("point"); point:once
 * does it only while the file named by VULCAN_FAIL_MARK does not exist, and
 * makes it first. Only the check variant has any of this.
 */
#ifndef FAIL_H
#define FAIL_H

#ifdef VULCAN_FAIL_POINTS
void fail_point(const char *name);
#define FAIL_POINT(name) fail_point(name)
#else
#define FAIL_POINT(name) ((void)0)
#endif

#endif
