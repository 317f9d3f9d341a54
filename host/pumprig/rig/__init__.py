"""One rig, as the host sees it: the link, requests and answers, status, pulls, keys, finding and simulating one."""
