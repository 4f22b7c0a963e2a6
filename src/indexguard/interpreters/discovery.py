def find_interpreters(): return ()
